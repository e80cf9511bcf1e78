import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { imageName } from './images.ts';
import { kubectl } from './kubectl.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export interface Overlay {
  /** A folder of this checkout. */
  base: string;
  /** Instead of the base's. */
  namespace?: string;
  /** By the name that the base has for them. */
  images: Record<string, string>;
}

/** Applies a folder of manifests, with other images. */
export async function applyOverlay({ base, namespace, images }: Overlay): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vestibule-overlay-'));
  try {
    const kustomization = {
      ...(namespace !== undefined && { namespace }),
      resources: [relative(folder, join(ROOT, base))],
      images: Object.entries(images).map(([name, image]) => {
        const { repository, tag } = imageName(image);
        return { name, newName: repository, newTag: tag };
      }),
    };
    await writeFile(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization));
    return await kubectl('apply', '-k', folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
