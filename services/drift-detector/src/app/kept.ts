/**
 * Keeps what was used last, at most `most` of it. What is null is asked for again, and so is what failed; calls at the same time share one.
 */
export function keepUsed<T>(most: number): (key: string, load: () => Promise<T | null>) => Promise<T | null> {
  const kept = new Map<string, Promise<T | null>>();
  return async (key, load) => {
    const found = kept.get(key) ?? load();
    kept.delete(key);
    kept.set(key, found);
    const [oldest] = kept.size > most ? kept.keys() : [];
    if (oldest !== undefined) kept.delete(oldest);
    try {
      const value = await found;
      if (value === null) kept.delete(key);
      return value;
    } catch (error) {
      kept.delete(key);
      throw error;
    }
  };
}
