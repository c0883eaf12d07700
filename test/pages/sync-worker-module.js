/**
 * A module service worker of a site.
 */
import { sendOnSync } from '/insitu/insitu.sw.mjs';

sendOnSync({ collector: { url: self.location.origin, key: 'demo' } });
