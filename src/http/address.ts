import ipaddr from 'ipaddr.js';
import type { AddressRange } from '../config/settings.ts';

/** One spelling for each address: IPv4-mapped IPv6 as IPv4, IPv6 shortened, no zone. */
export function normalAddress(text: string): string {
  return ipaddr.isValid(text) ? ipaddr.process(text.replace(/%.*$/, '')).toString() : '0.0.0.0';
}

/** What limits count as one caller: an IPv4 address, or the /64 that one IPv6 site holds. */
export function limitedAddress(address: string): string {
  return address.includes(':')
    ? `${ipaddr.IPv6.networkAddressFromCIDR(`${address}/64`).toString()}/64`
    : address;
}

/** Whether an address is a proxy whose X-Forwarded-For is believed. */
export function trustedProxy(ranges: AddressRange[]): (address: string) => boolean {
  return (text) => {
    if (!ipaddr.isValid(text)) return false;
    const address = ipaddr.process(text);
    return ranges.some(([range, bits]) => range.kind() === address.kind() && address.match(range, bits));
  };
}
