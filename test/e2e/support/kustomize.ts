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

/** Makes the folder one of manifests: those of another, with other images. */
export async function writeOverlay(folder: string, { base, namespace, images }: Overlay): Promise<void> {
  const kustomization = {
    ...(namespace !== undefined && { namespace }),
    resources: [relative(folder, join(ROOT, base))],
    images: Object.entries(images).map(([name, image]) => {
      const { repository, tag } = imageName(image);
      return { name, newName: repository, newTag: tag };
    }),
  };
  await writeFile(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization));
}

/** Applies a folder of manifests, with other images. */
export async function applyOverlay(overlay: Overlay): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vestibule-overlay-'));
  try {
    await writeOverlay(folder, overlay);
    return await kubectl('apply', '-k', folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
