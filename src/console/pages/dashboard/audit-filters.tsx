export interface AuditFilters {
  event: string;
  projectId: string;
  /** As an input of local time has them; empty for none. */
  from: string;
  to: string;
}

export const NO_FILTERS: AuditFilters = { event: '', projectId: '', from: '', to: '' };

/** The API reads years of four digits. */
const LAST_MOMENT = '9999-12-31T23:59:59';

const EVENTS = [
  'vault_key_saved',
  'vault_key_rotated',
  'vault_key_deleted',
  'vault_key_loaded',
  'session_created',
  'session_error',
  'session_released',
  'session_expired',
  'session_terminated',
  'auth_rejected',
  'admin_rejected',
  'config_changed',
];

/** As `GET /audit-logs` takes them. */
export function queryOf({ event, projectId, from, to }: AuditFilters): string {
  const query = new URLSearchParams();
  if (event !== '') query.set('event', event);
  if (projectId !== '') query.set('project_id', projectId);
  if (from !== '') query.set('from', new Date(from).toISOString());
  if (to !== '') query.set('to', new Date(to).toISOString());
  return query.toString();
}

export interface AuditFilterFieldsProps {
  filters: AuditFilters;
  projects: readonly string[];
  onChange: (filters: AuditFilters) => void;
}

export function AuditFilterFields({ filters, projects, onChange }: AuditFilterFieldsProps) {
  const set = (change: Partial<AuditFilters>): void => {
    onChange({ ...filters, ...change });
  };
  return (
    <div class="filters">
      <Choice
        label="Event"
        value={filters.event}
        values={EVENTS}
        onValue={(event) => {
          set({ event });
        }}
      />
      <Choice
        label="Project"
        value={filters.projectId}
        values={projects}
        onValue={(projectId) => {
          set({ projectId });
        }}
      />
      <Moment
        label="From"
        value={filters.from}
        onValue={(from) => {
          set({ from });
        }}
      />
      <Moment
        label="Before"
        value={filters.to}
        onValue={(to) => {
          set({ to });
        }}
      />
    </div>
  );
}

interface InputProps {
  label: string;
  value: string;
  onValue: (value: string) => void;
}

function Choice({ label, value, values, onValue }: InputProps & { values: readonly string[] }) {
  return (
    <label class="field">
      <span class="legend">{label}</span>
      <select
        value={value}
        onChange={(event) => {
          onValue(event.currentTarget.value);
        }}
      >
        <option value="">all</option>
        {values.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
    </label>
  );
}

function Moment({ label, value, onValue }: InputProps) {
  return (
    <label class="field">
      <span class="legend">{label}</span>
      <input
        type="datetime-local"
        step="1"
        max={LAST_MOMENT}
        value={value}
        onChange={(event) => {
          onValue(event.currentTarget.value);
        }}
      />
    </label>
  );
}
