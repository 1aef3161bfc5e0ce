// Lists: every filter operator, pages to the last item, index queries.
// project: shop
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { all, client, fails, ok } from '../lib/client.mjs';

const { Product, Coupon, Store } = client.models;
const products = [
  { id: 'p1', name: 'Anvil', sku: 'AN-1', price: 100, stock: 1, category: 'TOOL', tags: ['heavy', 'iron'], rating: 5 },
  { id: 'p2', name: 'Ball', sku: 'BA-2', price: 5.5, stock: 40, category: 'GAME', tags: ['round'], rating: 3, isActive: false },
  { id: 'p3', name: 'Chess', sku: 'CH-3', price: 30, stock: 7, category: 'GAME', rating: 4 },
  { id: 'p4', name: 'Dune', sku: 'DU-4', price: 9.99, stock: 0, category: 'BOOK', tags: [], description: 'a novel' },
  { id: 'p5', name: 'Éclair', sku: 'EC-5', price: 2, stock: 12, description: 'a novel idea' },
];

before(async () => {
  for (const each of products) await ok(Product.create(each));
});

const ids = (items) => items.map(({ id }) => id).sort().join(' ');

describe('filters', () => {
  const cases = [
    ['eq', { name: { eq: 'Ball' } }, 'p2'],
    ['ne', { name: { ne: 'Ball' } }, 'p1 p3 p4 p5'],
    ['lt', { price: { lt: 5.5 } }, 'p5'],
    ['le', { price: { le: 5.5 } }, 'p2 p5'],
    ['gt', { stock: { gt: 7 } }, 'p2 p5'],
    ['ge', { stock: { ge: 7 } }, 'p2 p3 p5'],
    ['between', { price: { between: [5.5, 30] } }, 'p2 p3 p4'],
    ['between on text', { name: { between: ['B', 'D'] } }, 'p2 p3'],
    ['text is compared by its bytes', { name: { gt: 'Z' } }, 'p5'],
    ['contains in text', { description: { contains: 'novel' } }, 'p4 p5'],
    ['contains in a list', { tags: { contains: 'iron' } }, 'p1'],
    ['contains in a list is for whole elements', { tags: { contains: 'iro' } }, ''],
    ['notContains', { description: { notContains: 'no' } }, ''],
    ['notContains counts what has no such field', { tags: { notContains: 'iron' } }, 'p2 p3 p4 p5'],
    ['beginsWith', { description: { beginsWith: 'a novel i' } }, 'p5'],
    ['attributeExists on rating', { rating: { attributeExists: true } }, 'p1 p2 p3'],
    ['attributeExists false', { rating: { attributeExists: false } }, 'p4 p5'],
    ['attributeType string', { name: { attributeType: 'string' } }, 'p1 p2 p3 p4 p5'],
    ['attributeType number', { price: { attributeType: 'number' } }, 'p1 p2 p3 p4 p5'],
    ['attributeType bool', { isActive: { attributeType: 'bool' } }, 'p1 p2 p3 p4 p5'],
    ['attributeType list', { tags: { attributeType: 'list' } }, 'p1 p2 p4'],
    ['size of text', { name: { size: { eq: 5 } } }, 'p1 p3'],
    ['size of longer text', { name: { size: { gt: 5 } } }, 'p5'],
    ['size of a list', { tags: { size: { ge: 1 } } }, 'p1 p2'],
    ['size between', { description: { size: { between: [7, 12] } } }, 'p4 p5'],
    ['boolean', { isActive: { eq: false } }, 'p2'],
    ['boolean ne', { isActive: { ne: false } }, 'p1 p3 p4 p5'],
    ['enum eq', { category: { eq: 'GAME' } }, 'p2 p3'],
    ['enum ne', { category: { ne: 'GAME' } }, 'p1 p4 p5'],
    ['id', { id: { beginsWith: 'p' } }, 'p1 p2 p3 p4 p5'],
    ['createdAt', { createdAt: { gt: '2020' } }, 'p1 p2 p3 p4 p5'],
    ['two operators of one field', { price: { gt: 5, lt: 10 } }, 'p2 p4'],
    ['two fields', { price: { lt: 10 }, stock: { gt: 0 } }, 'p2 p5'],
    ['and', { and: [{ price: { lt: 50 } }, { category: { eq: 'GAME' } }] }, 'p2 p3'],
    ['or', { or: [{ name: { eq: 'Anvil' } }, { name: { eq: 'Dune' } }] }, 'p1 p4'],
    ['not', { not: { category: { eq: 'GAME' } } }, 'p1 p4 p5'],
    ['nested', { or: [{ not: { stock: { gt: 0 } } }, { and: [{ rating: { ge: 4 } }, { price: { ge: 50 } }] }] }, 'p1 p4'],
    ['field beside or', { category: { eq: 'GAME' }, or: [{ stock: { eq: 40 } }, { stock: { eq: 1 } }] }, 'p2'],
    ['empty', {}, 'p1 p2 p3 p4 p5'],
    ['nothing', { name: { eq: 'Nothing' } }, ''],
  ];
  for (const [name, filter, expected] of cases) {
    test(name, async () => assert.equal(ids(await ok(Product.list({ filter }))), expected));
  }

  test('thousands of alternatives, and depth where it is too much', async () => {
    const or = Array.from({ length: 5000 }, (_, index) => ({ name: { eq: `name ${index}` } }));
    assert.equal(ids(await ok(Product.list({ filter: { or: [...or, { name: { eq: 'Ball' } }] } }))), 'p2');
    const and = or.map(({ name: { eq } }) => ({ name: { ne: eq } }));
    assert.equal(ids(await ok(Product.list({ filter: { and, price: { lt: 5 } } }))), 'p5');
    let deep = { name: { eq: 'Ball' } };
    for (let level = 0; level < 20; level++) deep = level % 2 ? { and: [deep], stock: { ge: 0 } } : { or: [deep] };
    assert.equal(ids(await ok(Product.list({ filter: deep }))), 'p2');
    for (let level = 0; level < 80; level++) deep = { not: deep };
    await fails(Product.list({ filter: deep }));
  });

  test('an unknown field or operator is refused', async () => {
    await fails(Product.list({ filter: { colour: { eq: 'red' } } }));
    await fails(Product.list({ filter: { name: { like: 'A%' } } }));
    await fails(Product.list({ filter: { isActive: { gt: true } } }));
  });
});

describe('pages', () => {
  const codes = Array.from({ length: 250 }, (_, index) => `C${String(index).padStart(3, '0')}`);

  before(async () => {
    for (let begin = 0; begin < codes.length; begin += 50) {
      await Promise.all(codes.slice(begin, begin + 50).map((code, index) => ok(Coupon.create({ code, percent: index % 10 }))));
    }
  });

  test('a list ends after 100 items and goes on with its token', async () => {
    const first = await Coupon.list();
    assert.equal(first.data.length, 100);
    assert.equal(typeof first.nextToken, 'string');
    const second = await Coupon.list({ nextToken: first.nextToken });
    const third = await Coupon.list({ nextToken: second.nextToken });
    assert.equal(third.data.length, 50);
    assert.equal(third.nextToken, null);
  });

  for (const limit of [1, 7, 50, 249, 250, 251, 1000]) {
    test(`all items once by ${limit}`, async () => {
      const found = await all(Coupon.list, { limit });
      assert.deepEqual(found.map(({ code }) => code).sort(), codes);
    });
  }

  test('a filter is applied after the limit', async () => {
    const filter = { percent: { eq: 3 } };
    const page = await Coupon.list({ filter, limit: 20 });
    assert.ok(page.data.length < 20);
    assert.equal(typeof page.nextToken, 'string');
    const found = await all(Coupon.list, { filter, limit: 20 });
    assert.deepEqual(found.map(({ code }) => code).sort(), codes.filter((_, index) => index % 10 === 3));
  });

  test('a token that was not given out is refused', async () => {
    const { nextToken } = await Coupon.list({ limit: 5 });
    await fails(Coupon.list({ nextToken: 'nonsense' }));
    await fails(Coupon.list({ nextToken: `${nextToken.slice(0, -4)}AAAA` }));
  });

  test('items deleted on the way do not stop the pages', async () => {
    const first = await Coupon.list({ limit: 10 });
    for (const { code } of first.data) await ok(Coupon.delete({ code }));
    const rest = await all((options) => Coupon.list({ ...options, nextToken: options.nextToken ?? first.nextToken }), { limit: 60 });
    assert.equal(rest.length, codes.length - 10);
    for (const { code, percent } of first.data) await ok(Coupon.create({ code, percent }));
  });
});

describe('index queries', () => {
  test('by the partition key alone', async () => {
    assert.equal(ids(await ok(Product.productBySku({ sku: 'CH-3' }))), 'p3');
    assert.equal(ids(await ok(Product.productBySku({ sku: 'XX-0' }))), '');
  });

  test('sorted by the sort key, both ways', async () => {
    const query = (sort, options) => Product.productsByDescription({ description: 'no description', ...sort }, options);
    const order = async (sort, options) => (await ok(query(sort, options))).map(({ id }) => id);
    assert.deepEqual(await order(), ['p2', 'p3', 'p1']);
    assert.deepEqual(await order({}, { sortDirection: 'DESC' }), ['p1', 'p3', 'p2']);
    assert.deepEqual(await order({ price: { gt: 5.5 } }), ['p3', 'p1']);
    assert.deepEqual(await order({ price: { ge: 5.5 } }), ['p2', 'p3', 'p1']);
    assert.deepEqual(await order({ price: { between: [10, 50] } }), ['p3']);
    assert.deepEqual(await order({ price: { eq: 100 } }), ['p1']);
    assert.deepEqual(await order({}, { filter: { category: { eq: 'GAME' } } }), ['p2', 'p3']);
  });

  test('default names of query fields', async () => {
    assert.equal(ids(await ok(Product.listProductByRatingAndName({ rating: 5 }))), 'p1');
    assert.equal(ids(await ok(Product.listProductByNameAndStockAndPrice({ name: 'Ball' }))), 'p2');
  });

  test('an index of several sort fields compares them as one', async () => {
    const query = (stockPrice) => Product.listProductByNameAndStockAndPrice({ name: 'Ball', stockPrice });
    assert.equal(ids(await ok(query({ eq: { stock: 40, price: 5.5 } }))), 'p2');
    assert.equal(ids(await ok(query({ beginsWith: { stock: 4 } }))), 'p2');
    assert.equal(ids(await ok(query({ gt: { stock: 40, price: 6 } }))), '');
  });

  test('a projection leaves out what the index does not hold, for the filter too', async () => {
    const key = { tenantId: 'projected', name: 'North' };
    await ok(Store.create({ ...key, city: 'Oslo', opened: '1990-01-01' }));
    const selectionSet = ['tenantId', 'name', 'opened', 'city'];
    const query = (options) => Store.storesOpenedOn({ opened: '1990-01-01' }, { selectionSet, ...options });
    assert.deepEqual(await ok(query()), [{ ...key, opened: '1990-01-01', city: null }]);
    assert.deepEqual(await ok(query({ filter: { city: { eq: 'Oslo' } } })), []);
    const included = await ok(Store.citiesOpenedOn({ opened: '1990-01-01' }, { selectionSet }));
    assert.deepEqual(included, [{ ...key, opened: '1990-01-01', city: 'Oslo' }]);
    const [error] = await fails(Store.storesOpenedOn({ opened: '1990-01-01' }));
    assert.match(error.message, /Cannot return null for non-nullable type: 'AWSDateTime' within parent 'Store'/);
    await ok(Store.delete(key));
  });

  test('in pages', async () => {
    const found = await all((options) => Product.productsByDescription({ description: 'no description' }, options), { limit: 1 });
    assert.deepEqual(found.map(({ id }) => id), ['p2', 'p3', 'p1']);
  });

  test('follow updates and deletes', async () => {
    const { id } = await ok(Product.create({ name: 'Fan', sku: 'FA-1', price: 1 }));
    await ok(Product.update({ id, sku: 'FA-2' }));
    assert.equal(ids(await ok(Product.productBySku({ sku: 'FA-1' }))), '');
    assert.equal(ids(await ok(Product.productBySku({ sku: 'FA-2' }))), id);
    await ok(Product.delete({ id }));
    assert.equal(ids(await ok(Product.productBySku({ sku: 'FA-2' }))), '');
  });

  test('a part of a composite key alone cannot be written', async () => {
    const [error] = await fails(Product.update({ id: 'p3', stock: 8 }));
    assert.equal(
      error.message,
      "When updating any part of the composite sort key for @index 'byNameStockPrice', you must provide all fields for the key. Missing key: 'price'.",
    );
  });
});
