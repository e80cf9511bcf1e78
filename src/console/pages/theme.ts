/** In a file of its own, which runs before anything is painted. */
import { applyTheme, keptTheme } from './support/theme.ts';

applyTheme(keptTheme());
