/** Images that have to be on the cluster's nodes. */
export const IMAGES = {
  vestibule: process.env['VESTIBULE_IMAGE'] ?? 'localhost/vestibule:e2e',
  simulator: process.env['VESTIBULE_SIMULATOR_IMAGE'] ?? 'localhost/vestibule-simulator:e2e',
  postgres: process.env['POSTGRES_IMAGE'] ?? 'localhost/postgres:e2e',
};
