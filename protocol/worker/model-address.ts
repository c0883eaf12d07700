/**
 * Model address: what an address says of a model, what may be told of it, and under which key the model is stored.
 *
 * Why a hash in the key: the query may say which model is meant (`?id=b`), and it may be a secret (`?sig=…`). Two models must never share
 * a key, and no secret may be stored.
 *
 * Invariants
 *  - One key for one address, however it is written: neither its hash, nor the case of its host, nor its usual port, nor a letter that is
 *    written as `%7E` tells two models apart; every parameter does that the application has not named.
 *  - A key is its own key: what the list of stored models says can be handed back.
 *  - Neither key nor told address holds anything of query, hash or credentials.
 *
 * Source: RFC 3986, 6.2.2 (percent-encoding); URL standard, whose parsing has been done before.
 */
import { shortSha256Hex } from '../digest.ts';

/** A parsed URL; this folder has no DOM to parse one with. */
interface Address {
  readonly protocol: string;
  readonly host: string;
  readonly pathname: string;
  readonly search: string;
}

/** Stands in a key for what the query says. */
const QUERY_DIGEST = /^\?insitu-query=[0-9a-f]{16}$/;

/** What may be told of an address. One that lies in the page itself is its content, or the page's secret. */
export function printableAddress({ protocol, host, pathname }: Address): string {
  return isInline({ protocol }) ? `the ${protocol} address` : `${protocol}//${host}${pathname}`;
}

/** `data:` and `blob:`: nothing is stored of these, and nothing lies beside them. */
export function isInline({ protocol }: Pick<Address, 'protocol'>): boolean {
  return protocol === 'data:' || protocol === 'blob:';
}

/** @param ignored Names of parameters that say nothing of the model. */
export async function modelKey(address: Address, ignored: readonly string[]): Promise<string> {
  const { protocol, host, pathname, search } = address;
  const place = `${protocol}//${host}${normal(pathname)}`;
  if (QUERY_DIGEST.test(search)) return place + search;
  const telling = tellingQuery(address, ignored);
  return telling === '' ? place : `${place}?insitu-query=${await shortSha256Hex(normal(telling))}`;
}

/** The query without its question mark, less what says nothing of the model. */
export function tellingQuery({ search }: Pick<Address, 'search'>, ignored: readonly string[]): string {
  const parts = search.slice(1).split('&');
  return parts.filter((part) => part !== '' && !ignored.includes(nameOf(part))).join('&');
}

/** Letters that need no encoding are written plainly, all other encodings in capitals. */
function normal(text: string): string {
  return text.replace(/%[0-9a-f]{2}/gi, (code) => {
    const letter = String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return /[A-Za-z0-9._~-]/.test(letter) ? letter : code.toUpperCase();
  });
}

/** The name of `name=value`, as the application writes it. */
function nameOf(part: string): string {
  const name = (part.split('=', 1)[0] as string).replaceAll('+', ' ');
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
