// Scalars, lists, enums and custom types through client.models.
// project: places
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { client, fails, ok } from '../lib/client.mjs';

const { Everything, Place } = client.models;
const stored = async (field, value) => {
  const { id } = await ok(Everything.create({ integers: [], [field]: value }));
  return (await ok(Everything.get({ id })))[field];
};

const accepted = {
  anId: ['x', '', 'a/b#c'],
  aDate: ['2024-02-29', '1970-01-01', '2024-01-01Z', '2024-01-01+02:00', '0001-01-01'],
  aTime: ['12:30:24', '00:00:00.000', '23:59:59.999Z', '01:02:03+05:30'],
  aDatetime: ['2024-02-29T23:59:59Z', '2024-01-01T00:00Z', '2024-01-01T00:00:00.123456Z', '2024-01-01T12:00:00+05:30'],
  aTimestamp: [0, 1700000000, -1, 4102444800000],
  anEmail: ['a@example.com', 'first.last+tag@sub.example.co.uk'],
  aPhone: ['+14155550132', '415-555-0132', '+44 20 7946 0958'],
  aUrl: ['https://example.com/a?b=c#d', 'http://localhost:3000/', 'mailto:a@example.com'],
  anIpAddress: ['127.0.0.1', '10.0.0.0/8', '::1', '2001:db8::/32'],
  aBoolean: [true, false],
  aFloat: [0, -1.5, 1e300, 5e-324, 3],
  anInteger: [0, 2147483647, -2147483648],
};

const refused = {
  aDate: ['2023-02-29', '2024-13-01', '24-01-01', 'yesterday', '', 20240101],
  aTime: ['24:00:00', '12:60:00', '12', 'noon'],
  aDatetime: ['2024-01-01T00:00:00', '2024-01-01', '2024-02-30T00:00:00Z', 'now'],
  aTimestamp: ['1700000000', 1.5],
  anEmail: ['a', '@example.com', 'a@', 'a b@example.com'],
  aPhone: ['phone', '12'],
  aUrl: ['example.com', '/path', ''],
  anIpAddress: ['256.0.0.1', '1.2.3', 'localhost', '::g'],
  aBoolean: ['true', 1],
  anInteger: [2147483648, 0.5, '1'],
  aFloat: ['1.5', true],
  aString: [1, true, ['x']],
};

describe('scalars', () => {
  for (const [field, values] of Object.entries(accepted)) {
    test(`${field} takes ${values.map((value) => JSON.stringify(value)).join(', ')}`, async () => {
      for (const value of values) assert.equal(await stored(field, value), value);
    });
  }

  for (const [field, values] of Object.entries(refused)) {
    test(`${field} refuses ${values.map((value) => JSON.stringify(value)).join(', ')}`, async () => {
      for (const value of values) {
        const result = await Everything.create({ integers: [], [field]: value });
        assert.ok(result.errors, `${field} took ${JSON.stringify(value)}`);
        assert.equal(result.data, null);
      }
    });
  }

  test('json is any value, sent as text', async () => {
    for (const value of [{ a: [1, { b: null }] }, [], 'text', 12.5, true, null, { big: 12345678901234567890n.toString() }]) {
      const text = await stored('aJson', JSON.stringify(value));
      assert.deepEqual(typeof text === 'string' ? JSON.parse(text) : text, value);
    }
    const keys = JSON.parse(await stored('aJson', '{"z":1,"a":{"y":2,"b":3}}'));
    assert.deepEqual(keys, { z: 1, a: { y: 2, b: 3 } });
    for (const wrong of ['{', 'text', '{"a":}', '']) {
      assert.ok((await Everything.create({ integers: [], aJson: wrong })).errors, wrong);
    }
  });
});

describe('lists', () => {
  test('keep their order, may be empty, may hold null where allowed', async () => {
    const lists = { strings: ['b', 'a', 'b'], integers: [3, null, 1], dates: ['2024-01-02', null], jsons: ['{"a":1}', '2'] };
    const { id } = await ok(Everything.create(lists));
    const found = await ok(Everything.get({ id }));
    assert.deepEqual([found.strings, found.integers, found.dates], [lists.strings, lists.integers, lists.dates]);
    assert.deepEqual(found.jsons.map((each) => JSON.parse(each)), [{ a: 1 }, 2]);
    assert.deepEqual((await ok(Everything.update({ id, strings: [], integers: [] }))).strings, []);
    assert.equal((await ok(Everything.update({ id, strings: null }))).strings, null);
  });

  test('refuse null where it is not allowed', async () => {
    await fails(Everything.create({ integers: [], strings: ['a', null] }));
    await fails(Everything.create({ integers: null }));
    await fails(Everything.create({}));
  });

  test('one value stands for a list of one', async () => {
    assert.deepEqual((await ok(Everything.create({ integers: 5 }))).integers, [5]);
  });
});

describe('enums and custom types', () => {
  const peak = {
    name: 'Matterhorn',
    kind: 'PEAK',
    kinds: ['PEAK', 'TOWN'],
    at: { lat: 45.97, lng: 7.65, note: 'summit' },
    outline: [{ lat: 1, lng: 2 }, { lat: 3.5, lng: 4, note: null }],
    access: { level: 'SEASONAL', hours: { from: '08:00:00', to: '17:30:00' }, fees: [0, 12.5] },
  };

  test('come back as sent', async () => {
    const { id } = await ok(Place.create(peak));
    const found = JSON.parse(JSON.stringify(await ok(Place.get({ id }))));
    assert.deepEqual(found.at, peak.at);
    assert.deepEqual(found.outline, [{ lat: 1, lng: 2, note: null }, { lat: 3.5, lng: 4, note: null }]);
    assert.deepEqual(found.access, peak.access);
    assert.deepEqual(found.kinds, peak.kinds);
  });

  test('are replaced whole by an update', async () => {
    const { id } = await ok(Place.create(peak));
    const changed = await ok(Place.update({ id, at: { lat: 0, lng: 0 }, access: null }));
    assert.deepEqual(JSON.parse(JSON.stringify(changed.at)), { lat: 0, lng: 0, note: null });
    assert.equal(changed.access, null);
  });

  test('can be selected in parts', async () => {
    const { id } = await ok(Place.create(peak));
    const parts = await ok(Place.get({ id }, { selectionSet: ['at.lat', 'access.hours.to', 'outline.lng'] }));
    assert.deepEqual(parts, { at: { lat: 45.97 }, access: { hours: { to: '17:30:00' } }, outline: [{ lng: 2 }, { lng: 4 }] });
  });

  test('refuse what is missing, unknown or wrong in them', async () => {
    const wrong = [
      { at: { lat: 1 } }, { at: { lat: 1, lng: 'east' } }, { at: { lat: 1, lng: 2, height: 3 } }, { kind: 'RIVER' }, { kind: null },
      { kinds: ['PEAK', 'RIVER'] }, { access: { level: 'MAYBE' } }, { access: { hours: { from: 'eight' } } }, { outline: [{ lat: 1 }] },
    ];
    for (const part of wrong) assert.ok((await Place.create({ ...peak, ...part })).errors, JSON.stringify(part));
  });

  test('the client knows the enums, also the one inside', () => {
    assert.deepEqual(client.enums.Kind.values(), ['PEAK', 'LAKE', 'TOWN']);
    assert.deepEqual(client.enums.PlaceAccessLevel.values(), ['OPEN', 'SEASONAL', 'CLOSED']);
  });

  test('an enum list can be filtered', async () => {
    const { id } = await ok(Place.create({ ...peak, kinds: ['LAKE'] }));
    const found = await ok(Place.list({ filter: { kinds: { contains: 'LAKE' } } }));
    assert.deepEqual(found.map((each) => each.id), [id]);
  });
});
