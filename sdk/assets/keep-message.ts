/**
 * What a page tells the site's service worker, to keep insitu's files: the one thing that both halves must agree on.
 *
 * Why apart from either: a service worker has no document, and the page's half reads one.
 */
export const KEEP_MESSAGE = 'insitu-keep';
