package import Tensors

/// A result's bytes, checked as they come: nothing is kept but the header and what a piece ends in the middle of.
package struct ResultScan: Sendable {
    private let contract: ResultContract?
    private let byteCount: Int
    /// Bytes of the header so far; then the header is known and they are gone.
    private var head: [UInt8] = []
    private var header: SafetensorsHeader?
    /// Bytes taken, and the tensor they have come to.
    private var position = 0
    private var current = 0
    /// The beginning of an element whose rest comes with the next piece.
    private var carry: [UInt8] = []
    /// What is wrong, in words, as soon as it is known.
    package private(set) var fault: String?

    /// - Parameters:
    ///   - contract: `nil`: any tensors, as long as they are whole.
    ///   - byteCount: of the whole result, as offered.
    package init(_ contract: ResultContract?, byteCount: Int) {
        (self.contract, self.byteCount) = (contract, byteCount)
        if let most = contract?.mostBytes, byteCount > most {
            fault = "\(byteCount) bytes, and it can have \(most) at most"
        }
    }

    /// The piece that follows the last one.
    package mutating func take(_ piece: UnsafeRawBufferPointer) {
        guard fault == nil else { return }
        var rest = piece
        if header == nil {
            let used = takeHead(piece)
            rest = UnsafeRawBufferPointer(rebasing: piece[used...])
        }
        while fault == nil, rest.count > 0, let entries = header?.entries, contract != nil {
            guard current < entries.count else { break }
            let entry = entries[current]
            let here = UnsafeRawBufferPointer(rebasing: rest[..<min(rest.count, entry.bytes.upperBound - position)])
            look(at: here, of: entry)
            position += here.count
            rest = UnsafeRawBufferPointer(rebasing: rest[here.count...])
            if position == entry.bytes.upperBound { current += 1 }
        }
    }

    /// All has been taken.
    /// - Parameter bundle: the result's tensors, where it takes the whole to tell.
    /// - Returns: what is wrong, in words; `nil`: nothing.
    /// - Throws: what `bundle` throws.
    package mutating func finish(_ bundle: () throws -> TensorBundle) rethrows -> String? {
        if fault == nil, header == nil { fault = "it is no safetensors file: \(head.count) bytes" }
        if fault == nil, let contract, !contract.relations.isEmpty {
            fault = contract.fault(in: try bundle())
        }
        return fault
    }

    /// - Returns: how many bytes of the piece belong to the header.
    private mutating func takeHead(_ piece: UnsafeRawBufferPointer) -> Int {
        let before = head.count
        head += piece.prefix(max(0, min(piece.count, 8 - head.count)))
        guard head.count >= 8 else { return piece.count }
        let length = head.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
        let most = contract.map { max($0.headerBytes, 512 * $0.tensors.count) } ?? SafetensorsHeader.maximumSize
        guard length <= UInt64(most) else {
            fault = "its header has \(length) bytes"
            return piece.count
        }
        let end = 8 + Int(length)
        head += piece.dropFirst(head.count - before).prefix(end - head.count)
        guard head.count == end else { return piece.count }
        do {
            let parsed = try head.withUnsafeBytes { bytes in
                try SafetensorsHeader(parsing: bytes, path: "the result", byteCount: byteCount)
            }
            fault = contract?.fault(in: parsed)
            header = parsed
        } catch { fault = "\(error)" }
        position = end
        head = []
        return end - before
    }

    private mutating func look(at bytes: UnsafeRawBufferPointer, of entry: SafetensorsHeader.Entry) {
        guard let contract else { return }
        let size = entry.tensor.type.byteCount
        let offset = position - entry.bytes.lowerBound
        var whole = bytes
        if !carry.isEmpty || offset % size != 0 {
            let missing = min(size - carry.count, bytes.count)
            carry += bytes.prefix(missing)
            whole = UnsafeRawBufferPointer(rebasing: bytes[missing...])
            guard carry.count == size else { return }
            fault = carry.withUnsafeBytes { contract.fault(in: $0, of: entry.tensor, from: offset / size) }
            carry = []
            guard fault == nil else { return }
        }
        let rest = whole.count % size
        let first = (offset + bytes.count - whole.count) / size
        let elements = UnsafeRawBufferPointer(rebasing: whole[..<(whole.count - rest)])
        fault = contract.fault(in: elements, of: entry.tensor, from: first)
        carry = Array(whole.suffix(rest))
    }
}
