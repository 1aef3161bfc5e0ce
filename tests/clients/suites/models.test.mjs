// The operations of a model through client.models: values, keys, defaults, validation, conditions.
// project: shop
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { client, fails, ok } from '../lib/client.mjs';

const { Product, Store, Shelf, Coupon, Setting, Journal, Leaf } = client.models;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let articles = 0;
const product = (more = {}) => ({ name: 'Lamp', sku: `LA-${++articles}`, price: 12.5, ...more });
// What was created, without what the client adds (functions that load relations).
const plain = (item) => JSON.parse(JSON.stringify(item));

describe('create', () => {
  test('returns the item with id, defaults and time stamps', async () => {
    const made = plain(await ok(Product.create(product({ tags: ['a', 'b'], category: 'TOOL' }))));
    const { id, createdAt, updatedAt, sku, ...rest } = made;
    assert.match(id, UUID);
    assert.match(createdAt, INSTANT);
    assert.equal(updatedAt, createdAt);
    assert.ok(Math.abs(Date.parse(createdAt) - Date.now()) < 60_000);
    assert.match(sku, /^LA-\d+$/);
    assert.deepEqual(rest, {
      name: 'Lamp', price: 12.5, stock: 0, category: 'TOOL', tags: ['a', 'b'], description: 'no description',
      isActive: true, rating: null,
    });
  });

  test('keeps an id of the caller and refuses it the second time', async () => {
    await ok(Product.create(product({ id: 'mine' })));
    const [error] = await fails(Product.create(product({ id: 'mine', name: 'Other' })));
    assert.equal(error.errorType, 'DynamoDB:ConditionalCheckFailedException');
    assert.match(error.message, /^The conditional request failed \(Service: DynamoDb, Status Code: 400, Request ID: [^)]+\)$/);
    assert.deepEqual(error.path, ['createProduct']);
    assert.equal(error.data, null);
    assert.equal(error.errorInfo, null);
    assert.deepEqual(Object.keys(error.locations[0]), ['line', 'column', 'sourceName']);
    assert.equal((await ok(Product.get({ id: 'mine' }))).name, 'Lamp');
  });

  test('an explicit null gets the default, a false or 0 stays', async () => {
    const made = await ok(Product.create(product({ stock: null, description: null, isActive: false })));
    assert.deepEqual([made.stock, made.description, made.isActive], [0, 'no description', false]);
    assert.equal((await ok(Product.create(product({ stock: 0, price: 0 })))).price, 0);
  });

  test('text of every script, empty text and long text come back as sent', async () => {
    for (const value of ['', 'Grüße, 世界 🌍 \u202eabc', '"quotes" \\ \n\t\r \u0000 \u2028', 'x'.repeat(100_000)]) {
      const { id } = await ok(Setting.create({ value }));
      assert.equal((await ok(Setting.get({ id }))).value, value);
    }
  });

  test('numbers keep their value', async () => {
    for (const price of [0.1, 1e-9, 9999.999999, 3, 1 / 3]) {
      assert.equal((await ok(Product.create(product({ price })))).price, price);
    }
    for (const stock of [2 ** 31 - 1, -(2 ** 31), -1]) {
      assert.equal((await ok(Product.create(product({ stock })))).stock, stock);
    }
  });

  test('refuses values outside their type', async () => {
    for (const wrong of [{ stock: 2 ** 31 }, { stock: 1.5 }, { stock: '7' }, { category: 'FOOD' }, { tags: [1] }, { isActive: 'yes' }]) {
      const errors = await fails(Product.create(product(wrong)));
      assert.match(errors[0].message, /^Variable 'input' has an invalid value|^Variable '/, JSON.stringify(errors));
    }
  });

  test('a missing required field is an error of the variable', async () => {
    const errors = await fails(Product.create({ name: 'Lamp', price: 1 }));
    assert.match(errors[0].message, /coerced Null value for NonNull type 'String!'/);
  });
});

describe('validation', () => {
  const message = async (more) => (await fails(Product.create(product(more))))[0].message;

  test('own messages and default messages', async () => {
    assert.equal(await message({ name: 'x' }), 'A name has two letters or more');
    assert.equal(await message({ name: 'x'.repeat(41) }), 'Field name of type Product must have a maximum length of 40');
    assert.equal(await message({ sku: 'nonsense' }), 'No such article number');
    assert.equal(await message({ price: -0.01 }), 'Field price of type Product must be greater than or equal to 0');
    assert.equal(await message({ price: 10000 }), 'Field price of type Product must be less than 10000');
  });

  test('holds for updates, and nothing is written', async () => {
    const { id } = await ok(Product.create(product()));
    assert.match((await fails(Product.update({ id, name: 'x', rating: 1 })))[0].message, /two letters or more/);
    assert.equal((await ok(Product.get({ id }))).rating, null);
  });
});

describe('keys of indexes', () => {
  test('cannot be empty', async () => {
    const [error] = await fails(Product.create(product({ description: '' })));
    assert.equal(error.errorType, 'DynamoDB:DynamoDbException');
  });

  test('may be absent: the index leaves the item out', async () => {
    const { id } = await ok(Product.create(product({ rating: null })));
    assert.equal((await ok(Product.get({ id }))).rating, null);
    assert.equal((await ok(Product.update({ id, rating: 9 }))).rating, 9);
    assert.deepEqual((await ok(Product.listProductByRatingAndName({ rating: 9 }))).map((each) => each.id), [id]);
    await ok(Product.update({ id, rating: null }));
    assert.deepEqual(await ok(Product.listProductByRatingAndName({ rating: 9 })), []);
  });
});

describe('get, update, delete', () => {
  test('get of nothing is null without an error', async () => {
    const result = await Product.get({ id: 'nobody' });
    assert.equal(result.data, null);
    assert.equal(result.errors, undefined);
  });

  test('update changes what is named, null removes, updatedAt moves', async () => {
    const made = await ok(Product.create(product({ tags: ['a'], rating: 4 })));
    const changed = await ok(Product.update({ id: made.id, name: 'Lantern', tags: null }));
    assert.deepEqual([changed.name, changed.tags, changed.rating, changed.price], ['Lantern', null, 4, 12.5]);
    assert.equal(changed.createdAt, made.createdAt);
    assert.ok(changed.updatedAt >= made.updatedAt);
    assert.deepEqual(plain(await ok(Product.get({ id: made.id }))), plain(changed));
  });

  test('update and delete of a missing item fail by their condition', async () => {
    for (const attempt of [Product.update({ id: 'nobody', name: 'Nobody' }), Product.delete({ id: 'nobody' })]) {
      const result = await attempt;
      assert.equal(result.data, null);
      assert.equal(result.errors[0].errorType, 'DynamoDB:ConditionalCheckFailedException');
    }
    assert.equal(await ok(Product.get({ id: 'nobody' })), null, 'no update makes an item');
  });

  test('delete returns the item, which is gone then', async () => {
    const made = await ok(Product.create(product()));
    assert.equal((await ok(Product.delete({ id: made.id }))).sku, made.sku);
    assert.equal(await ok(Product.get({ id: made.id })), null);
    await fails(Product.delete({ id: made.id }));
  });

  test('many writes at once all count', async () => {
    const { id } = await ok(Product.create(product()));
    await Promise.all(Array.from({ length: 30 }, (_, rating) => ok(Product.update({ id, rating }))));
    assert.ok((await ok(Product.get({ id }))).rating < 30);
  });
});

describe('identifiers', () => {
  test('a declared id is used, and made when absent', async () => {
    assert.equal((await ok(Setting.create({ id: 'theme', value: 'dark' }))).id, 'theme');
    assert.equal((await ok(Setting.get({ id: 'theme' }))).value, 'dark');
  });

  test('a custom key stands for the item', async () => {
    const made = plain(await ok(Coupon.create({ code: 'SUMMER', percent: 10 })));
    assert.equal(made.id, undefined);
    assert.equal((await ok(Coupon.get({ code: 'SUMMER' }))).percent, 10);
    assert.equal((await ok(Coupon.update({ code: 'SUMMER', percent: 20 }))).percent, 20);
    await fails(Coupon.create({ code: 'SUMMER' }));
    await ok(Coupon.delete({ code: 'SUMMER' }));
    assert.equal(await ok(Coupon.get({ code: 'SUMMER' })), null);
  });

  test('a key of two fields', async () => {
    await ok(Store.create({ tenantId: 't1', name: 'North', city: 'Oslo', opened: '2001-02-03' }));
    await ok(Store.create({ tenantId: 't1', name: 'South', city: 'Oslo', opened: '2011-02-03' }));
    await ok(Store.create({ tenantId: 't2', name: 'North', city: 'Bern', opened: '2021-02-03' }));
    await fails(Store.create({ tenantId: 't1', name: 'North' }));
    assert.equal((await ok(Store.get({ tenantId: 't1', name: 'South' }))).opened, '2011-02-03');
    assert.equal(await ok(Store.get({ tenantId: 't2', name: 'South' })), null);
    assert.equal((await ok(Store.update({ tenantId: 't2', name: 'North', city: 'Basel' }))).city, 'Basel');
    const names = async (options) => (await ok(Store.list(options))).map(({ name }) => name);
    assert.deepEqual(await names({ tenantId: 't1' }), ['North', 'South']);
    assert.deepEqual(await names({ tenantId: 't1', sortDirection: 'DESC' }), ['South', 'North']);
    assert.deepEqual(await names({ tenantId: 't1', name: { beginsWith: 'So' } }), ['South']);
    assert.deepEqual(await names({ tenantId: 't1', name: { between: ['A', 'O'] } }), ['North']);
    assert.deepEqual(await names({ tenantId: 't1', name: { gt: 'North' } }), ['South']);
    const [error] = await fails(Store.list({ sortDirection: 'DESC' }));
    assert.equal(error.errorType, 'InvalidArgumentsError');
    assert.equal(error.message, "When providing argument 'sortDirection' you must also provide argument 'tenantId'.");
  });

  test('a key of three fields, of which the sort fields are compared together', async () => {
    for (const floor of [1, 2]) {
      for (const slot of ['a', 'b', 'ba']) await ok(Shelf.create({ building: 'B1', floor, slot, label: `${floor}${slot}` }));
    }
    assert.equal((await ok(Shelf.get({ building: 'B1', floor: 2, slot: 'b' }))).label, '2b');
    assert.equal((await ok(Shelf.update({ building: 'B1', floor: 2, slot: 'b', label: 'new' }))).label, 'new');
    const labels = async (options) => (await ok(Shelf.list({ building: 'B1', ...options }))).map(({ label }) => label);
    assert.deepEqual(await labels({}), ['1a', '1b', '1ba', '2a', 'new', '2ba']);
    assert.deepEqual(await labels({ floorSlot: { eq: { floor: 1, slot: 'b' } } }), ['1b']);
    assert.deepEqual(await labels({ floorSlot: { beginsWith: { floor: 1, slot: 'b' } } }), ['1b', '1ba']);
    assert.deepEqual(await labels({ floorSlot: { between: [{ floor: 1, slot: 'b' }, { floor: 2, slot: 'a' }] } }), ['1b', '1ba', '2a']);
    assert.equal((await ok(Shelf.delete({ building: 'B1', floor: 2, slot: 'a' }))).label, '2a');
  });

  test('a declared createdAt can be given', async () => {
    const leaf = await ok(Leaf.create({ createdAt: '2020-01-02T03:04:05.000Z', colour: 'red' }));
    assert.equal(leaf.createdAt, '2020-01-02T03:04:05.000Z');
    assert.match(leaf.updatedAt, INSTANT);
  });
});

describe('what a model leaves out', () => {
  test('disabled operations are no methods, the others work', async () => {
    assert.equal(Journal.update, undefined);
    assert.equal(Journal.delete, undefined);
    assert.equal(Journal.onCreate, undefined);
    const { id } = await ok(Journal.create({ text: 'opened' }));
    assert.equal((await ok(Journal.get({ id }))).text, 'opened');
  });

  test('enums are listed', () => {
    assert.deepEqual(client.enums.Category.values(), ['BOOK', 'GAME', 'TOOL']);
  });

  test('selectionSet narrows what comes back, for every operation', async () => {
    const selectionSet = ['id', 'name'];
    const made = await ok(Product.create(product(), { selectionSet }));
    assert.deepEqual(Object.keys(made).sort(), ['id', 'name']);
    assert.deepEqual(await ok(Product.get({ id: made.id }, { selectionSet })), made);
    assert.deepEqual(await ok(Product.update({ id: made.id, name: 'Candle' }, { selectionSet })), { ...made, name: 'Candle' });
    assert.deepEqual(await ok(Product.list({ selectionSet, filter: { id: { eq: made.id } } })), [{ ...made, name: 'Candle' }]);
    assert.deepEqual(await ok(Product.delete({ id: made.id }, { selectionSet })), { ...made, name: 'Candle' });
  });
});
