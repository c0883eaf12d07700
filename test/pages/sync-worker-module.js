/**
 * A module service worker of a site.
 */
import './sync-settled.js';
import { sendOnSync } from '/insitu/insitu.sw.mjs';

sendOnSync({ collector: { url: self.location.origin, key: 'demo' } });
