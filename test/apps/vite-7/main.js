/** The application: one visit, as soon as the page is there. */
import { visit } from './visit.js';

visit();
