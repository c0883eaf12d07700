'use client';
/** Rendered on the server too, where no browser is: the visit begins in an effect. */
import { useEffect } from 'react';
import { visit } from './visit.js';

/** One for the page: in development React runs each effect twice. */
let hasBegun = false;

export default function Page() {
  useEffect(() => {
    if (!hasBegun) visit();
    hasBegun = true;
  }, []);
  return <h1>Digits</h1>;
}
