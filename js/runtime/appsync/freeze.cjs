// Freezes everything that resolvers can reach: what one evaluation does to it cannot be seen by the next.
(function freeze(lib) {
  'use strict';
  const { defineProperty, getOwnPropertyDescriptor, getPrototypeOf } = Object;
  for (const name of ['WebAssembly', 'SharedArrayBuffer', 'Atomics', 'eval', 'WeakRef', 'FinalizationRegistry', 'console']) {
    delete globalThis[name];
  }
  // An object's own member may have the name of one that it inherits (`{ toString: ... }`, assigned later): a frozen prototype
  // would forbid that, an accessor does not.
  for (const prototype of [Object.prototype, Array.prototype, Error.prototype]) {
    for (const name of Object.getOwnPropertyNames(prototype)) {
      const { value, writable, enumerable } = getOwnPropertyDescriptor(prototype, name);
      if (writable !== true || !['constructor', 'toString', 'valueOf', 'toLocaleString', 'hasOwnProperty', 'isPrototypeOf', 'propertyIsEnumerable', 'name', 'message'].includes(name)) continue;
      defineProperty(prototype, name, {
        get: () => value,
        set(given) {
          if (this === prototype || Object.isFrozen(this)) throw new TypeError(`Cannot assign to read only property '${name}'`);
          defineProperty(this, name, { value: given, writable: true, enumerable: true, configurable: true });
        },
        enumerable,
        configurable: false,
      });
    }
  }
  const seen = new Set();
  const visit = (value) => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) return;
    seen.add(value);
    if (value !== globalThis) Object.freeze(value);
    visit(getPrototypeOf(value));
    for (const key of Reflect.ownKeys(value)) {
      const { get, set, value: member } = getOwnPropertyDescriptor(value, key);
      [get, set, member].forEach(visit);
    }
  };
  visit(globalThis);
  visit(lib);
  [function* () {}, async () => {}, async function* () {}, [][Symbol.iterator](), new Map().entries(), new Set().entries(), ''[Symbol.iterator](), ''.matchAll(/x/g)].forEach(visit);
});
