import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ago, bytes, duration, percent, plural, rate, shortURL, utc } from './format';

const cases: [got: string, want: string][] = [
  [duration(0), '0 ms'], [duration(0.4), '<1 ms'], [duration(54.8), '55 ms'], [duration(1500), '1.5s'], [duration(12_400), '12s'],
  [duration(60_000), '1m'], [duration(185_000), '3m 5s'], [duration(86_400_000), '1d'], [duration(187_200_000), '2d 4h'],
  [rate(0), '0'], [rate(0.004), '<0.01'], [rate(3.14159), '3.14'], [rate(12_345), '12,300'],
  [bytes(1023), '1023 B'], [bytes(1024), '1.0 KiB'], [bytes(262_144), '256 KiB'], [bytes(35 * 2 ** 30), '35 GiB'],
  [percent(1), '100 %'], [percent(0), '0 %'], [percent(0.9991), '99.9 %'],
  [plural(1, 'delivery', 'deliveries'), '1 delivery'], [plural(1200, 'event'), '1,200 events'],
  [shortURL('https://example.com/hooks/'), 'example.com/hooks'],
  [utc('2026-11-27T15:22:00.863Z'), '2026-11-27 15:22:00.863'],
  [ago('2026-11-27T15:22:00.000Z', Date.parse('2026-11-27T15:22:00.300Z')), 'now'],
  [ago('2026-11-27T15:22:00.000Z', Date.parse('2026-11-27T15:25:05.000Z')), '3m 5s ago'],
  [ago('2026-11-27T15:22:30.000Z', Date.parse('2026-11-27T15:22:00.000Z')), 'in 30s'],
];
for (const [got, want] of cases) test(want, () => assert.equal(got, want));
