import ipaddr from 'ipaddr.js';
import { memo } from '../common/memo.ts';
import type { AddressRange } from '../config/settings.ts';

const MAX_KEPT_ADDRESSES = 10_000;
/** The longest IPv6 address with a zone is shorter. */
const MAX_ADDRESS_LENGTH = 64;
const UNKNOWN_ADDRESS = '0.0.0.0';

/** One spelling for each address: IPv4-mapped IPv6 as IPv4, IPv6 shortened, no zone. */
export function normalAddress(text: string): string {
  return text.length > MAX_ADDRESS_LENGTH ? UNKNOWN_ADDRESS : normalize(text);
}

const normalize = memo(MAX_KEPT_ADDRESSES, (text) =>
  ipaddr.isValid(text) ? ipaddr.process(text.replace(/%.*$/, '')).toString() : UNKNOWN_ADDRESS,
);

/** What limits count as one caller: an IPv4 address, or the /64 that one IPv6 site holds. */
export function limitedAddress(address: string): string {
  return address.includes(':')
    ? `${ipaddr.IPv6.networkAddressFromCIDR(`${address}/64`).toString()}/64`
    : address;
}

/** Whether an address is a proxy whose X-Forwarded-For is believed. */
export function trustedProxy(ranges: AddressRange[]): (address: string) => boolean {
  if (ranges.length === 0) return () => false;
  return (text) => {
    if (!ipaddr.isValid(text)) return false;
    const address = ipaddr.process(text);
    return ranges.some(([range, bits]) => range.kind() === address.kind() && address.match(range, bits));
  };
}
