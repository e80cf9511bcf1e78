/** Undefined where a library is not installed. It is read when it is first needed: who only mints need not have it. */
export async function installed<Library>(load: () => Promise<Library>): Promise<Library | undefined> {
  try {
    return await load();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}
