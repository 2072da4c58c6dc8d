/// Who computes a product. The figures behind the choice stand in docs/engine.md, "Products".
package enum ProductKernel: Equatable, Sendable {
    /// oneDNN's blocked kernels (y = x · wᵀ) and its SGEMM (gradients).
    case oneDNN
    /// Our own kernel, which reads the weights once and packs nothing.
    case fewRows
    case openBLAS

    /// Up to here BLAS, which packs all of w at every call, is slower than reading w once: decode steps.
    package static let fewRowsAtMost = 96

    /// For y [rows × outputs] = x · wᵀ. Where oneDNN is in use it is faster at every number of rows, and a value is the
    /// same function of its two rows in all of them; below AVX-512 it has nothing that OpenBLAS has not.
    /// - Parameter oneDNN: whether this process uses it: it does from AVX-512 on, where it is installed.
    package static func linear(rows: Int, oneDNN: Bool) -> ProductKernel {
        if oneDNN { return .oneDNN }
        return rows <= fewRowsAtMost ? .fewRows : .openBLAS
    }

    /// For dx = dy · w and dw += dyᵀ · x: oneDNN's SGEMM is ahead of OpenBLAS at every number of rows.
    package static func gradient(oneDNN: Bool) -> ProductKernel { oneDNN ? .oneDNN : .openBLAS }
}

/// How a product is cut into tiles for the pool: by its shape alone.
package struct TileGrid {
    package let rows: Int
    package let columns: Int
    let rowTile: Int
    let columnTile: Int

    /// For OpenBLAS, which rounds a value by its place in a call. Row tiles are multiples of 12, the height of its
    /// kernels on every AVX2 core.
    package static func openBLAS(rows: Int, columns: Int) -> TileGrid {
        TileGrid(rows: rows, columns: columns, rowTile: 384, columnTile: rows >= 768 ? 1024 : 512)
    }

    /// For oneDNN's SGEMM, which rounds a value by its place, too. Larger tiles are no faster.
    package static func oneDNN(rows: Int, columns: Int) -> TileGrid {
        TileGrid(rows: rows, columns: columns, rowTile: 192, columnTile: 512)
    }

    /// Of dx [rows × inputs].
    static func inputGradient(rows: Int, inputs: Int, _ kernel: ProductKernel) -> TileGrid {
        kernel == .oneDNN ? oneDNN(rows: rows, columns: inputs) : openBLAS(rows: rows, columns: inputs)
    }

    /// Of dw [outputs × inputs].
    static func weightGradient(outputs: Int, inputs: Int, _ kernel: ProductKernel) -> TileGrid {
        kernel == .oneDNN
            ? oneDNN(rows: outputs, columns: inputs)
            : TileGrid(rows: outputs, columns: inputs, rowTile: 384, columnTile: 1024)
    }

    /// oneDNN's blocked kernels round a value by its two rows alone, so tiles are for speed: 256 rows are what its
    /// kernels take at once, and 128 columns, two panels, keep many cores busy.
    package static func blocked(rows: Int, outputs: Int) -> TileGrid {
        TileGrid(rows: rows, columns: outputs, rowTile: 256, columnTile: 2 * PackedWeights.panelRows)
    }

    private var across: Int { (columns + columnTile - 1) / columnTile }
    private var down: Int { (rows + rowTile - 1) / rowTile }
    package var count: Int { across * down }

    package subscript(tile: Int) -> (rows: Range<Int>, columns: Range<Int>) {
        let r = tile / across * rowTile
        let c = tile % across * columnTile
        return (r..<min(rows, r + rowTile), c..<min(columns, c + columnTile))
    }
}

extension ThreadPool {
    /// Runs `body` for the rows and columns of every tile.
    func run(_ grid: TileGrid, _ body: (_ rows: Range<Int>, _ columns: Range<Int>) -> Void) {
        run(grid.count) { number in
            let tile = grid[number]
            body(tile.rows, tile.columns)
        }
    }
}
