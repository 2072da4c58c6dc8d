/// Numbers as the bytes of a cache entry, little-endian: counts (u32), then values; of rows the values alone.
package enum CachedValues {
    static func bytes(_ floats: [Float]) -> [UInt8] { words([UInt32(floats.count)] + floats.map(\.bitPattern)) }

    static func floats(_ bytes: [UInt8]) -> [Float]? {
        guard let words = words(bytes), let count = words.first, words.count == 1 + Int(count) else { return nil }
        return words.dropFirst().map { Float(bitPattern: $0) }
    }

    static func bytes(_ lists: [[Int32]]) -> [UInt8] {
        words(
            [UInt32(lists.count)] + lists.map { UInt32($0.count) } + lists.joined().map { UInt32(bitPattern: $0) })
    }

    package static func lists(_ bytes: [UInt8]) -> [[Int32]]? {
        guard let words = words(bytes), let count = words.first.map(Int.init), words.count > count else { return nil }
        var start = 1 + count
        var lists: [[Int32]] = []
        for length in words[1..<1 + count].map(Int.init) {
            guard start + length <= words.count else { return nil }
            lists.append(words[start..<start + length].map { Int32(bitPattern: $0) })
            start += length
        }
        return start == words.count ? lists : nil
    }

    static func bytes(_ values: [Float], greedy: [Bool]) -> [UInt8] { bytes(values) + greedy.map { $0 ? 1 : 0 } }

    static func likelihoods(_ bytes: [UInt8]) -> (values: [Float], greedy: [Bool])? {
        guard let count = words(Array(bytes.prefix(4)))?.first.map(Int.init), bytes.count == 4 + 5 * count,
            let values = floats(Array(bytes[..<(4 + 4 * count)]))
        else { return nil }
        return (values, bytes[(4 + 4 * count)...].map { $0 != 0 })
    }

    /// Rows of one width, as they lie in memory.
    static func bytes<Value: BitwiseCopyable>(rows: [[Value]]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(rows.reduce(0) { $0 + $1.count } * MemoryLayout<Value>.stride)
        for row in rows { row.withUnsafeBytes { bytes.append(contentsOf: $0) } }
        return bytes
    }

    /// - Returns: `nil` where the bytes are not so many rows of one width.
    static func rows<Value: BitwiseCopyable>(_ bytes: [UInt8], of type: Value.Type, count: Int) -> [[Value]]? {
        let stride = MemoryLayout<Value>.stride
        guard count > 0, bytes.count > 0, bytes.count.isMultiple(of: count * stride) else { return nil }
        let width = bytes.count / count
        return bytes.withUnsafeBytes { raw in
            (0..<count).map { row in
                [Value](unsafeUninitializedCapacity: width / stride) { values, filled in
                    UnsafeMutableRawBufferPointer(values).copyMemory(
                        from: UnsafeRawBufferPointer(rebasing: raw[row * width..<(row + 1) * width]))
                    filled = width / stride
                }
            }
        }
    }

    private static func words(_ words: [UInt32]) -> [UInt8] {
        words.flatMap { [UInt8($0 & 255), UInt8($0 >> 8 & 255), UInt8($0 >> 16 & 255), UInt8($0 >> 24)] }
    }

    private static func words(_ bytes: [UInt8]) -> [UInt32]? {
        guard bytes.count.isMultiple(of: 4) else { return nil }
        return stride(from: 0, to: bytes.count, by: 4).map { at in
            UInt32(bytes[at]) | UInt32(bytes[at + 1]) << 8 | UInt32(bytes[at + 2]) << 16 | UInt32(bytes[at + 3]) << 24
        }
    }
}
