import { Shell } from '../components/shell.tsx';
import { mount } from '../support/mount.tsx';

function Playground() {
  return (
    <Shell place="playground">
      <h1>Playground</h1>
    </Shell>
  );
}

mount(Playground);
