export interface ImageName {
  repository: string;
  tag: string;
}

/** The tag is behind the last colon: a registry can have a port. */
export function imageName(image: string): ImageName {
  const colon = image.lastIndexOf(':');
  return { repository: image.slice(0, colon), tag: image.slice(colon + 1) };
}

/** Images that have to be on the cluster's nodes. */
export const IMAGES = {
  vestibule: process.env['VESTIBULE_IMAGE'] ?? 'localhost/vestibule:e2e',
  /** Of the last release: what is upgraded from, and rolled back to. */
  previous: process.env['VESTIBULE_PREVIOUS_IMAGE'] ?? 'localhost/vestibule:previous',
  simulator: process.env['VESTIBULE_SIMULATOR_IMAGE'] ?? 'localhost/vestibule-simulator:e2e',
  postgres: process.env['POSTGRES_IMAGE'] ?? 'localhost/postgres:e2e',
  prometheus: process.env['PROMETHEUS_IMAGE'] ?? 'localhost/prometheus:e2e',
};
