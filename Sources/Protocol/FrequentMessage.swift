/// A message that goes with every task: written and read by hand, to the same bytes as JSONEncoder's (with sorted keys).
///
/// Foundation takes about ten microseconds a message, which would be most of what a small task costs.
protocol FrequentMessage {
    /// The message as JSON; `nil` where it has to be left to JSONEncoder.
    var quickJSON: String? { get }
    /// - Returns: `nil` where it has to be left to JSONDecoder.
    static func quick(_ json: ArraySlice<UInt8>) -> Self?
}

extension ToWorker: FrequentMessage {
    var quickJSON: String? {
        switch self {
        case .task(let key, let bodyBytes): #"{"task":{"_0":\#(key.json),"bodyBytes":\#(bodyBytes)}}"#
        case .committed(let key): #"{"committed":{"_0":\#(key.json)}}"#
        default: nil
        }
    }

    static func quick(_ json: ArraySlice<UInt8>) -> ToWorker? {
        var cursor = Cursor(json)
        if cursor.skip(#"{"task":{"_0":"#) {
            guard let key = cursor.key(), cursor.skip(#","bodyBytes":"#), let count = cursor.number(),
                cursor.skip("}}"), cursor.isAtEnd
            else { return nil }
            return .task(key, bodyBytes: Int(clamping: count))
        }
        guard cursor.skip(#"{"committed":{"_0":"#), let key = cursor.key(), cursor.skip("}}"), cursor.isAtEnd else {
            return nil
        }
        return .committed(key)
    }
}

extension ToCoordinator: FrequentMessage {
    var quickJSON: String? {
        guard case .offer(let key, let digest, let byteCount) = self, digest.utf8.allSatisfy(Cursor.isHex) else {
            return nil
        }
        return #"{"offer":{"_0":\#(key.json),"byteCount":\#(byteCount),"digest":"\#(digest)"}}"#
    }

    static func quick(_ json: ArraySlice<UInt8>) -> ToCoordinator? {
        var cursor = Cursor(json)
        guard cursor.skip(#"{"offer":{"_0":"#), let key = cursor.key(), cursor.skip(#","byteCount":"#),
            let count = cursor.number(), cursor.skip(#","digest":""#), let digest = cursor.hex(),
            cursor.skip(#""}}"#), cursor.isAtEnd
        else { return nil }
        return .offer(key, digest: digest, byteCount: Int(clamping: count))
    }
}

extension TaskKey {
    fileprivate var json: String { #"{"epoch":\#(epoch),"task":\#(task)}"# }
}

/// Reads what it expects, or says that it is something else.
private struct Cursor {
    private var rest: ArraySlice<UInt8>
    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }
    var isAtEnd: Bool { rest.isEmpty }

    static func isHex(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) }

    mutating func skip(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard rest.count >= count else { return false }
        let isEqual = text.withUTF8Buffer { $0.elementsEqual(rest.prefix(count)) }
        if isEqual { rest = rest.dropFirst(count) }
        return isEqual
    }

    mutating func number() -> UInt64? {
        var value: UInt64 = 0
        let digits = rest.prefix { (0x30...0x39).contains($0) }
        guard !digits.isEmpty, digits.count == 1 || digits.first != 0x30 else { return nil }
        for digit in digits {
            let (scaled, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow) = scaled.addingReportingOverflow(UInt64(digit - 0x30))
            if tooLarge || overflow { return nil }
            value = sum
        }
        rest = rest.dropFirst(digits.count)
        return value
    }

    mutating func key() -> TaskKey? {
        guard skip(#"{"epoch":"#), let epoch = number(), skip(#","task":"#), let task = number(), skip("}") else {
            return nil
        }
        return TaskKey(epoch: epoch, task: task)
    }

    mutating func hex() -> String? {
        let digits = rest.prefix(while: Self.isHex)
        rest = rest.dropFirst(digits.count)
        return String(decoding: digits, as: UTF8.self)
    }
}
