package import Tensors

/// Fields separated by commas or tabs as Python's `csv` reads them (RFC 4180): quoted fields may hold separators, doubled
/// quotes and line breaks; LF, CRLF and CR alone end a record. Python guesses at quotes that do not match; here they are
/// refused.
package struct CSV {
    package struct Record: Equatable {
        /// Line its first field begins in.
        package var line: Int
        package var fields: [String]
    }

    private let bytes: [UInt8]
    private let source: String
    private let separator: UInt8
    private var records: [Record] = []
    private var record = Record(line: 1, fields: [])
    private var field: [UInt8] = []
    private var isQuoted = false
    private var line = 1
    private var index = 0

    /// - Throws: `InputError` with file and line where quotes do not match.
    package static func parse(
        _ bytes: [UInt8], source: String, separator: Unicode.Scalar = ","
    ) throws(InputError) -> [Record] {
        var parser = CSV(bytes: bytes, source: source, separator: UInt8(ascii: separator))
        try parser.read()
        return parser.records
    }

    private init(bytes: [UInt8], source: String, separator: UInt8) {
        (self.bytes, self.source, self.separator) = (bytes, source, separator)
    }

    private mutating func read() throws(InputError) {
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\"") where field.isEmpty && !isQuoted: try quoted()
            case separator:
                endField()
                index += 1
            case 10, 13:
                index += bytes[index] == 13 && index + 1 < bytes.count && bytes[index + 1] == 10 ? 2 : 1
                endRecord()
            default:
                field.append(bytes[index])
                index += 1
            }
        }
        if !field.isEmpty || isQuoted || !record.fields.isEmpty { endRecord() }
    }

    private mutating func quoted() throws(InputError) {
        let opened = line
        isQuoted = true
        index += 1
        while true {
            guard index < bytes.count else { throw InputError("\(source):\(opened)", "this quoted field never ends") }
            if bytes[index] == UInt8(ascii: "\"") {
                guard index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "\"") else { break }
                index += 1
            } else if bytes[index] == 10
                || (bytes[index] == 13 && !(index + 1 < bytes.count && bytes[index + 1] == 10))
            {
                line += 1
            }
            field.append(bytes[index])
            index += 1
        }
        index += 1
        guard index == bytes.count || [separator, 10, 13].contains(bytes[index]) else {
            throw InputError("\(source):\(line)", "text after a closing quote; quotes inside a field are doubled")
        }
    }

    private mutating func endField() {
        record.fields.append(String(decoding: field, as: UTF8.self))
        field = []
        isQuoted = false
    }

    private mutating func endRecord() {
        let isBlank = record.fields.isEmpty && field.isEmpty && !isQuoted
        endField()
        if !isBlank { records.append(record) }
        line += 1
        record = Record(line: line, fields: [])
    }

    /// Records below a header line.
    /// - Throws: `InputError` where a record has another number of fields than the header, or the header a name twice.
    package static func table(
        _ bytes: [UInt8], source: String, separator: Unicode.Scalar = ","
    ) throws(InputError) -> (columns: [String], rows: [Record]) {
        let records = try parse(bytes, source: source, separator: separator)
        guard let header = records.first else { throw InputError(source, "empty file") }
        let columns = header.fields.map { trimmed($0) }
        var seen: Set<String> = [""]
        for column in columns where !seen.insert(column).inserted && !column.isEmpty {
            throw InputError("\(source):\(header.line)", "two columns are called \(column)")
        }
        for record in records.dropFirst() where record.fields.count != columns.count {
            let count = record.fields.count
            let hint = count > columns.count ? "; a field with the separator in it stands in quotes" : ""
            throw InputError(
                "\(source):\(record.line)",
                "\(count) \(count == 1 ? "field" : "fields") where the header has \(columns.count)\(hint)")
        }
        return (columns, Array(records.dropFirst()))
    }
}
