import type { Kube } from './kube.ts';

const PATHS = ['projects', 'clients'].map(
  (plural) => `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.vestibule.dev`,
);
const MARKS = {
  labels: ['app.kubernetes.io/managed-by'],
  annotations: ['meta.helm.sh/release-name', 'meta.helm.sh/release-namespace'],
} as const;

type Marked = Record<keyof typeof MARKS, Record<string, string> | undefined>;

/** Whose the CustomResourceDefinitions are, as Helm sees it: everybody's, so whoever takes them gives them back. */
export class DefinitionsOwner implements AsyncDisposable {
  readonly #kube: Kube;
  readonly #kept: readonly Marked[];

  private constructor(kube: Kube, kept: readonly Marked[]) {
    this.#kube = kube;
    this.#kept = kept;
  }

  static async keep(kube: Kube): Promise<DefinitionsOwner> {
    const found = await Promise.all(PATHS.map((path) => kube.cluster.find(path)));
    return new DefinitionsOwner(
      kube,
      found.map((definition) => definition!.metadata as unknown as Marked),
    );
  }

  /** As it was when it was kept. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const [index, path] of PATHS.entries()) {
      const was = (of: keyof typeof MARKS): Record<string, string | null> =>
        Object.fromEntries(MARKS[of].map((name) => [name, this.#kept[index]?.[of]?.[name] ?? null]));
      await this.#kube.patch(path, {
        metadata: { labels: was('labels'), annotations: was('annotations') },
      });
    }
  }
}
