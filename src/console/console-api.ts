import Type from 'typebox';
import type { AnswerDescription, RouteDescription } from '../openapi/describe.ts';

const Text = Type.String();
const EXAMPLE_FILE = 'landing-ABCD2345.js';

const answers: Record<number, AnswerDescription> = {
  200: {
    description: 'The page.',
    content: { 'text/html': { schema: Text, example: '<!doctype html>' } },
    headers: ['Content-Security-Policy', 'ETag', 'Vary'],
  },
  304: { description: 'The page is as `If-None-Match` has it.', headers: ['ETag', 'Vary'] },
};

export const landingRoute: RouteDescription = {
  id: 'readLanding',
  tag: 'Service',
  summary: 'What this service is, as a page',
  answers,
};

export const playgroundRoute: RouteDescription = {
  id: 'readPlayground',
  tag: 'Service',
  summary: 'A page that opens sessions and speaks',
  answers,
};

export const dashboardRoute: RouteDescription = {
  id: 'readDashboard',
  tag: 'Service',
  summary: 'The dashboard: a page whose data needs the admin key',
  answers,
};

export const consoleFileRoute: RouteDescription = {
  id: 'readConsoleFile',
  tag: 'Service',
  summary: 'A file of these pages',
  path: {
    file: Type.String({
      pattern: '^[a-z-]+-[A-Z0-9]{8}\\.(js|css|svg|txt)$',
      description: 'The file, with a hash of its content in its name. The pages know the names.',
      examples: [EXAMPLE_FILE],
    }),
  },
  answers: {
    200: {
      description: 'The file. It never changes, and may be kept for a year.',
      content: {
        'text/javascript': { schema: Text, example: 'export {};' },
        'text/css': { schema: Text, example: ':root {}' },
        'image/svg+xml': { schema: Text, example: '<svg xmlns="http://www.w3.org/2000/svg"/>' },
        'text/plain': { schema: Text, example: 'MIT' },
      },
      headers: ['ETag', 'Vary'],
    },
    304: { description: 'The file is as `If-None-Match` has it.', headers: ['ETag', 'Vary'] },
  },
  errors: ['not_found'],
};
