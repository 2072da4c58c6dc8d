import Tensors

/// One weight where it lies in a mapped file.
struct StoredTensor: @unchecked Sendable {
    let mapping: FileMapping
    /// Byte range in the file.
    let bytes: Range<Int>
    let encoding: WeightEncoding
    /// [rows, columns], or [count].
    let shape: [Int]
    /// Rows of one attention head where the file holds them in llama.cpp's rotary order.
    var rotaryHeadRows: Int? = nil

    private var columns: Int { shape.count == 2 ? shape[1] : 1 }

    /// llama.cpp's converter interleaves the two halves of every head of q and k in files of the `llama` architecture:
    /// its row 2j + p of a head is row p·(headDim/2) + j in Hugging Face's order.
    private func fileRow(_ row: Int) -> Int {
        guard let size = rotaryHeadRows else { return row }
        let (head, within) = row.quotientAndRemainder(dividingBy: size)
        let (half, place) = within.quotientAndRemainder(dividingBy: size / 2)
        return head * size + 2 * place + half
    }

    /// Widens rows `rows`, in Hugging Face order, into `destination` [rows.count × columns].
    func read(rows: Range<Int>, into destination: UnsafeMutablePointer<Float>) {
        let blocks = columns / encoding.blockLength
        let rowBytes = blocks * encoding.blockByteCount
        let start = mapping.bytes.baseAddress! + bytes.lowerBound
        withExtendedLifetime(mapping) {
            if rotaryHeadRows == nil {
                encoding.widen(start + rows.lowerBound * rowBytes, blocks: rows.count * blocks, into: destination)
            } else {
                for (index, row) in rows.enumerated() {
                    encoding.widen(start + fileRow(row) * rowBytes, blocks: blocks, into: destination + index * columns)
                }
            }
        }
    }
}
