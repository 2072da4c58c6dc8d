import Linalg
import Synchronization
import Testing

@Suite struct ThreadPoolTests {
    @Test(arguments: [1, 2, 5]) func everyTileRunsOnce(threads: Int) {
        let pool = ThreadPool(threads: threads)
        for tiles in [0, 1, 2, 97, 1000] {
            let counts = Mutex([Int](repeating: 0, count: tiles))
            pool.run(tiles) { tile in counts.withLock { $0[tile] += 1 } }
            #expect(counts.withLock { $0 } == [Int](repeating: 1, count: tiles))
        }
    }
}
