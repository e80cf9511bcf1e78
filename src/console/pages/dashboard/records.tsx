import type { ComponentChildren } from 'preact';

export interface RecordColumn<Row> {
  name: string;
  numeric?: boolean;
  cell: (row: Row) => ComponentChildren;
}

export interface RecordsProps<Row> {
  caption: string;
  columns: readonly RecordColumn<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  empty: ComponentChildren;
}

/**
 * Rows and columns that become one block a row where the window is narrow, with each value under its name. Roles are
 * written down, since another display takes them from the elements.
 */
export function Records<Row>({ caption, columns, rows, keyOf, empty }: RecordsProps<Row>) {
  return (
    <div class="records">
      <table role="table">
        <caption class="hidden">{caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map(({ name, numeric }) => (
              <th key={name} role="columnheader" scope="col" class={numeric === true ? 'numeric' : undefined}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr key={keyOf(row)} role="row">
              {columns.map(({ name, numeric, cell }) => (
                <td key={name} role="cell" data-name={name} class={numeric === true ? 'numeric' : undefined}>
                  <div>{cell(row)}</div>
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
