import { type FormEvent, useState } from 'react';
import { type Post, client, describe, written } from './blog';
import { Problem } from './parts';

const PRICE = 4.5;

/** Orders prints of a post: the backend adds them up. */
export function Prints({ post }: { post: Post }) {
  const [quantity, setQuantity] = useState('1');
  const [receipt, setReceipt] = useState<string | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [isSending, setSending] = useState(false);

  async function submit(event: FormEvent) {
    event.preventDefault();
    setSending(true);
    setReceipt(null);
    setError(null);
    try {
      const items = [{ name: post.title, price: PRICE, quantity: Number(quantity) }];
      const { total, currency } = written(await client.mutations.processOrder({ orderId: crypto.randomUUID(), items }));
      setReceipt(`Ordered: ${total.toFixed(2)} ${currency}.`);
    } catch (reason) {
      setError(describe(reason));
    }
    setSending(false);
  }

  return (
    <form className="prints" onSubmit={submit}>
      <label>
        Prints of this post
        <input type="number" min={1} max={99} value={quantity} onChange={(event) => setQuantity(event.target.value)} required />
      </label>
      <button type="submit" className="button" disabled={isSending}>
        Order
      </button>
      <span role="status">{receipt}</span>
      <Problem text={error} />
    </form>
  );
}
