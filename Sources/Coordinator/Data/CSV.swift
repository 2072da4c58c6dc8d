/// Comma-separated values as RFC 4180 has them: quoted fields may hold commas, doubled quotes and line breaks.
package enum CSV {
    package struct Record: Equatable {
        /// Line its first field begins in.
        package var line: Int
        package var fields: [String]
    }

    /// - Throws: `InputError` with file and line where quotes do not match.
    package static func parse(_ bytes: [UInt8], source: String) throws(InputError) -> [Record] {
        var records: [Record] = []
        var record = Record(line: 1, fields: [])
        var field: [UInt8] = []
        var line = 1
        var index = 0

        func endField() {
            record.fields.append(String(decoding: field, as: UTF8.self))
            field = []
        }
        func endRecord() {
            endField()
            // A blank line is no record.
            if record.fields != [""] { records.append(record) }
            line += 1
            record = Record(line: line, fields: [])
        }

        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\"") where field.isEmpty:
                let opened = line
                index += 1
                while true {
                    guard index < bytes.count else {
                        throw InputError("\(source):\(opened)", "this quoted field never ends")
                    }
                    if bytes[index] == UInt8(ascii: "\"") {
                        guard index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "\"") else { break }
                        index += 1
                    } else if bytes[index] == 10 {
                        line += 1
                    }
                    field.append(bytes[index])
                    index += 1
                }
                index += 1
                guard index == bytes.count || [UInt8(ascii: ","), 10, 13].contains(bytes[index]) else {
                    throw InputError(
                        "\(source):\(line)", "text after a closing quote; quotes inside a field are doubled")
                }
            case UInt8(ascii: ","):
                endField()
                index += 1
            case 13 where index + 1 < bytes.count && bytes[index + 1] == 10:
                index += 1
            case 10:
                endRecord()
                index += 1
            default:
                field.append(bytes[index])
                index += 1
            }
        }
        if !field.isEmpty || !record.fields.isEmpty { endRecord() }
        return records
    }

    /// Records below a header line, as column → text.
    /// - Throws: `InputError` where a record has another number of fields than the header.
    package static func table(_ bytes: [UInt8], source: String) throws(InputError) -> (
        columns: [String], rows: [(line: Int, cells: [String: String])]
    ) {
        let records = try parse(bytes, source: source)
        guard let header = records.first else { throw InputError(source, "empty file") }
        let columns = header.fields.map { trimmed($0) }
        var rows: [(line: Int, cells: [String: String])] = []
        for record in records.dropFirst() {
            guard record.fields.count == columns.count else {
                throw InputError(
                    "\(source):\(record.line)", "\(record.fields.count) fields where the header has \(columns.count)")
            }
            rows.append((record.line, Dictionary(zip(columns, record.fields)) { first, _ in first }))
        }
        return (columns, rows)
    }
}
