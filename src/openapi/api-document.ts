/** The document as it is sent: built at the first request, when every route is known, and then kept. */
export class ApiDocument {
  readonly #build: () => unknown;
  #text: string | undefined;

  constructor(build: () => unknown) {
    this.#build = build;
  }

  get text(): string {
    this.#text ??= JSON.stringify(this.#build());
    return this.#text;
  }
}
