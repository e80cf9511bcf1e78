import type { ComponentChildren } from 'preact';

export interface Column<Row> {
  name: string;
  /** Figures stand to the right. */
  numeric?: boolean;
  cell: (row: Row) => ComponentChildren;
}

export interface TableProps<Row> {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  /** Instead of rows, where there are none. */
  empty: ComponentChildren;
}

/** Rows and columns; where it is too wide it scrolls by itself, not with the page. */
export function Table<Row>({ caption, columns, rows, keyOf, empty }: TableProps<Row>) {
  return (
    <div class="table" tabIndex={0} role="region" aria-label={caption}>
      <table>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ name, numeric }) => (
              <th key={name} scope="col" class={numeric === true ? 'numeric' : undefined}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map(({ name, numeric, cell }) => (
                <td key={name} class={numeric === true ? 'numeric' : undefined}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <p class="table-empty">{empty}</p>}
    </div>
  );
}
