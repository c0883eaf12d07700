/** The fixture that stands for a store keeps what a store promises. */
import { testStore } from '../../conformance/store.ts';
import { MemoryStore } from '../../fixtures/memory-store.ts';

testStore(async () => {
  const store = new MemoryStore();
  return { open: async () => store, dispose: async () => undefined };
});
