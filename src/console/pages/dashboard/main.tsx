import { Shell } from '../components/shell.tsx';
import { mount } from '../support/mount.tsx';

function Dashboard() {
  return (
    <Shell place="dashboard">
      <h1>Dashboard</h1>
      <p class="lead">Its data needs the admin key.</p>
    </Shell>
  );
}

mount(Dashboard);
