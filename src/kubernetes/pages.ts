import type { ApiRequest, Cluster, KubeObject } from './cluster.ts';

/** Objects in one answer. */
export const PAGE = 500;

export interface ListPage {
  metadata: { resourceVersion: string; continue?: string };
  items: KubeObject[];
}

export type ListRequest = Pick<ApiRequest, 'path' | 'metadataOnly'> & { labelSelector?: string | undefined };

/** A collection, page by page, and no more than `most` of them: whether that was all, the last one's `continue` says. */
export async function* pagesOf(
  cluster: Cluster,
  { path, labelSelector, metadataOnly = false }: ListRequest,
  most: number,
): AsyncGenerator<ListPage> {
  let token: string | undefined;
  for (let number = 0; number < most; number += 1) {
    const query = { limit: PAGE, continue: token, labelSelector };
    // Lists of metadata have null for no items.
    const { metadata, items } = await cluster.request<
      Omit<ListPage, 'items'> & { items: KubeObject[] | null }
    >({ method: 'GET', path, query, metadataOnly });
    yield { metadata, items: items ?? [] };
    token = metadata.continue;
    if (!token) return;
  }
}
