import { checkEnvironment, editDistance } from './environment.ts';

describe('the check of variables', () => {
  it.each([
    ['VESTIBULE_ADRESS_LIMIT', 'VESTIBULE_ADDRESS_LIMIT'],
    ['VESTIBULE_PROVIDER_URL', 'VESTIBULE_PROVIDER_URLS'],
    ['VESTIBULE_ADMIN_KEY_FIEL', 'VESTIBULE_ADMIN_KEY_FILE'],
    ['VESTIBULE_HOSTS_FILE', 'VESTIBULE_HOSTS'],
  ])('finds %s and points to %s', (name, meant) => {
    const [finding, ...others] = checkEnvironment({ [name]: 'its-value' });
    expect(finding).toMatchObject({ status: 'warning', message: expect.stringMatching(`^${name} `) });
    expect(finding?.fix).toMatch(new RegExp(`${meant}(:|$)`));
    expect(others).toEqual([]);
    expect(JSON.stringify(finding)).not.toContain('its-value');
  });

  it('knows settings, the files of secrets, what is not ours and what Kubernetes adds', () => {
    const environment = {
      VESTIBULE_DIR: 'x',
      VESTIBULE_JWT_SECRET_FILE: 'x',
      PATH: 'x',
      VESTIBULE_SERVICE_HOST: '10.0.0.1',
      VESTIBULE_SERVICE_PORT_HTTP: '80',
      VESTIBULE_PORT: 'tcp://10.0.0.1:80',
      VESTIBULE_OPS_PORT_9464_TCP_ADDR: '10.0.0.1',
    };
    expect(checkEnvironment(environment)).toEqual([expect.objectContaining({ status: 'ok' })]);
    expect(checkEnvironment({ VESTIBULE_PORT: '3000' })).toMatchObject([{ status: 'warning' }]);
  });

  it.each([
    ['', '', 0],
    ['abc', 'abc', 0],
    ['abc', '', 3],
    ['kitten', 'sitting', 3],
    ['ADRESS', 'ADDRESS', 1],
  ])('counts the letters between "%s" and "%s"', (left, right, distance) => {
    expect([editDistance(left, right), editDistance(right, left)]).toEqual([distance, distance]);
  });
});
