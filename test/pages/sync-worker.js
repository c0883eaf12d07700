/**
 * A classic service worker of a site; `?gpc` has it meet Global Privacy Control, which the tests' browser does not send.
 */
importScripts('/sync-settled.js', '/insitu/insitu.sw.js');
if (self.location.search === '?gpc') Object.defineProperty(navigator, 'globalPrivacyControl', { value: true });
self.insitu.sendOnSync({ collector: { url: self.location.origin, key: 'demo' } });
