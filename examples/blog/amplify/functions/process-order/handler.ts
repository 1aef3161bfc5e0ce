import { env } from '$amplify/env/process-order';

type Order = { orderId: string; items: { name: string; price: number; quantity: number }[] };

type Receipt = { orderId: string; table: string; total: number; currency: string };

/** Adds up an order of prints of the blog's pictures. */
export const handler = async (order: Order): Promise<Receipt> => {
  const total = order.items.reduce((sum, { price, quantity }) => sum + price * quantity, 0);
  console.log(`order ${order.orderId}: ${order.items.length} items, ${total} ${env.CURRENCY}`);
  return { orderId: order.orderId, table: env.ORDERS_TABLE, total, currency: env.CURRENCY };
};
