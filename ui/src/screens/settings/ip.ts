// ip.ts - whether an address is in a list of addresses and networks, as the server decides it.
interface Address { bits: bigint; size: 32 | 128 }

function parse4(text: string): bigint | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((one) => /^\d{1,3}$/.test(one) && Number(one) < 256)) return null;
  return parts.reduce((bits, one) => (bits << 8n) | BigInt(one), 0n);
}

function parse6(text: string): bigint | null {
  const [head = '', tail, more] = text.split('::');
  if (more !== undefined || !text.includes(':')) return null;
  const groups = (part: string) => (part ? part.split(':') : []);
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const missing = 8 - left.length - right.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return null;
  const all = [...left, ...Array.from({ length: missing }, () => '0'), ...right];
  if (!all.every((group) => /^[\da-f]{1,4}$/i.test(group))) return null;
  return all.reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}

function parseAddress(text: string): Address | null {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text);
  const four = parse4(mapped?.[1] ?? text);
  if (four !== null) return { bits: four, size: 32 };
  const six = parse6(text);
  return six === null ? null : { bits: six, size: 128 };
}

interface Network { address: Address; prefix: number }
function parseNetwork(text: string): Network | null {
  const [base = '', length, more] = text.split('/');
  const address = parseAddress(base);
  if (!address || more !== undefined) return null;
  if (length === undefined) return { address, prefix: address.size };
  return /^\d{1,3}$/.test(length) && Number(length) <= address.size ? { address, prefix: Number(length) } : null;
}

export const isNetwork = (text: string): boolean => parseNetwork(text) !== null;

export function isAmong(text: string, networks: readonly string[]): boolean {
  const address = parseAddress(text);
  if (!address) return false;
  return networks.some((one) => {
    const network = parseNetwork(one);
    if (!network || network.address.size !== address.size) return false;
    const rest = BigInt(address.size - network.prefix);
    return address.bits >> rest === network.address.bits >> rest;
  });
}
