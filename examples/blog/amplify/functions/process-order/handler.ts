import { env } from '$amplify/env/process-order';
import type { Schema } from '../../data/resource';

/** Adds up an order of prints of the blog's posts. */
export const handler: Schema['processOrder']['functionHandler'] = async ({ arguments: { orderId, items } }) => {
  if (items.some(({ price, quantity }) => price < 0 || quantity < 1)) throw new Error('Nothing to order.');
  const total = items.reduce((sum, { price, quantity }) => sum + price * quantity, 0);
  console.log(`order ${orderId}: ${items.length} items, ${total} ${env.CURRENCY} (${env.ORDERS_TABLE})`);
  return { orderId, total, currency: env.CURRENCY };
};
