import Type from 'typebox';
import type { RouteDescription } from './describe.ts';
import { PAGE_FILE_NAMES } from './swagger-ui.ts';

const Text = Type.String();

export const documentRoute: RouteDescription = {
  id: 'readDescription',
  tag: 'Service',
  summary: 'This description, as OpenAPI 3.1',
  answers: {
    200: {
      description: 'The document.',
      content: {
        'application/json': {
          schema: Type.Object({ openapi: Type.Literal('3.1.1') }),
          example: { openapi: '3.1.1' },
        },
      },
    },
  },
};

export const pageRoute: RouteDescription = {
  id: 'readPage',
  tag: 'Service',
  summary: 'This description, as a page',
  answers: {
    200: {
      description: 'The page.',
      content: { 'text/html': { schema: Text, example: '<!doctype html>' } },
      headers: ['Content-Security-Policy'],
    },
  },
};

export const pageFileRoute: RouteDescription = {
  id: 'readPageFile',
  tag: 'Service',
  summary: 'A file of the page',
  path: {
    file: Type.Enum([...PAGE_FILE_NAMES], { description: 'The file.', examples: ['start.js'] }),
  },
  answers: {
    200: {
      description: 'The file. It may be kept for an hour.',
      content: {
        'text/javascript': { schema: Text, example: 'SwaggerUIBundle({});' },
        'text/css': { schema: Text, example: '.swagger-ui {}' },
        'image/png': { schema: Type.Unknown(), example: '' },
      },
    },
  },
  errors: ['not_found'],
};
