/// Which end of a ranking is selected.
public enum Order: String, Sendable, Codable, CaseIterable { case largest, smallest }

/// Finds the k-th score of any number of buffers exactly, by radix passes over histograms.
///
/// Every pass sees all buffers once and fixes the next bits of the threshold; memory is one histogram, whatever the
/// number of scores. Floats are compared as unsigned integers that sort like them (−0 equals +0).
struct ThresholdSearch {
    let order: Order
    /// Bits fixed by one pass: 16 for whole matrices, 8 for short rows, whose histogram must stay small.
    private let digitBits: UInt32
    private var histogram: [Int]
    /// Bits of the threshold still unknown.
    private var unknown: UInt32 = 32
    /// The threshold's known bits.
    private var prefix: UInt32 = 0
    /// How many of the keys that share the known bits are still to be selected.
    private var remaining: Int

    /// - Parameters:
    ///   - k: entries to select, at least 1 and at most the number of scores that will be counted.
    ///   - size: about how many scores a pass sees.
    init(k: Int, order: Order, size: Int) {
        precondition(k >= 1, "a threshold for \(k) entries")
        self.order = order
        digitBits = size >= 1 << 15 ? 16 : 8
        histogram = Array(repeating: 0, count: 1 << Int(digitBits))
        remaining = k
    }

    /// How often `count` and then `narrow` have to be called.
    var passes: Int { Int(32 / digitBits) }

    /// Adds the scores that share the known bits to the histogram.
    /// - Returns: the index of the first NaN, if any (looked for in the first pass only).
    mutating func count(_ scores: UnsafeBufferPointer<Float>) -> Int? {
        let shift = unknown - digitBits
        let flip = Self.flip(order)
        let digits: UInt32 = (1 << digitBits) - 1
        let first = unknown == 32
        let known = prefix
        return histogram.withUnsafeMutableBufferPointer { histogram in
            if first {
                for index in 0..<scores.count {
                    let bits = scores[index].bitPattern
                    if bits & 0x7FFF_FFFF > 0x7F80_0000 { return index }
                    histogram[Int(Self.key(bits, flip) >> shift)] &+= 1
                }
            } else {
                for index in 0..<scores.count {
                    let key = Self.key(scores[index].bitPattern, flip)
                    if key >> (shift &+ digitBits) == known { histogram[Int(key >> shift & digits)] &+= 1 }
                }
            }
            return nil
        }
    }

    /// Ends a pass: fixes the next bits of the threshold.
    mutating func narrow() {
        var digit = histogram.count - 1
        while digit > 0, histogram[digit] < remaining {
            remaining -= histogram[digit]
            digit -= 1
        }
        precondition(histogram[digit] >= remaining, "fewer scores were counted than are to be selected")
        prefix = prefix << digitBits | UInt32(digit)
        unknown -= digitBits
        for index in histogram.indices { histogram[index] = 0 }
    }

    /// The search's result; entries that equal it are selected in the order they come.
    func threshold() -> Threshold {
        precondition(unknown == 0, "the threshold is not known yet")
        return Threshold(key: prefix, ties: remaining, flip: Self.flip(order))
    }

    private static func flip(_ order: Order) -> UInt32 { order == .largest ? 0 : .max }

    /// Sorts as the float does; flipped for ascending order.
    @inline(__always)
    fileprivate static func key(_ bits: UInt32, _ flip: UInt32) -> UInt32 {
        let positive = bits == 0x8000_0000 ? 0 : bits
        let mask = UInt32(bitPattern: Int32(bitPattern: positive) >> 31) | 0x8000_0000
        return (positive ^ mask) ^ flip
    }

    struct Threshold {
        fileprivate let key: UInt32
        /// Entries equal to the threshold that are still to be selected.
        private(set) var ties: Int
        private let flip: UInt32

        fileprivate init(key: UInt32, ties: Int, flip: UInt32) {
            self.key = key
            self.ties = ties
            self.flip = flip
        }

        /// Sets bit `offset + i` for every selected score i, and uses ties up in that order.
        mutating func mark(_ scores: UnsafeBufferPointer<Float>, in bits: inout BitSet, offset: Int = 0) {
            precondition(
                offset >= 0 && offset + scores.count <= bits.size, "\(scores.count) scores at \(offset) of \(bits.size)"
            )
            var left = ties
            bits.withWords { words in
                for index in 0..<scores.count {
                    let key = ThresholdSearch.key(scores[index].bitPattern, flip)
                    guard key >= self.key else { continue }
                    if key == self.key {
                        guard left > 0 else { continue }
                        left -= 1
                    }
                    let bit = offset &+ index
                    words[bit >> 6] |= 1 << UInt64(bit & 63)
                }
            }
            ties = left
        }
    }
}
