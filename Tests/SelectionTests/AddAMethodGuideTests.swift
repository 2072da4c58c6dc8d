import Foundation
import Testing

/// docs/add-a-method.md is true: every file that it names exists, every line that it quotes stands in its file, and every
/// name in code font occurs in the files that its part of the guide names.
@Suite struct AddAMethodGuideTests {
    private static let guide = "docs/add-a-method.md"
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../..").standardized.path
    private static let endings = [".swift", ".py", ".sh", ".md", ".yaml"]

    /// What stands under one heading.
    struct Part {
        var heading = ""
        /// What is in code font, outside of quotes.
        var spans: [String] = []
        var quotes: [Quote] = []
        /// The files that it names or quotes.
        var files: [String] { spans.filter { AddAMethodGuideTests.isFile($0) } + quotes.map(\.file) }
    }

    /// Lines between fences of which the first names a file: "```swift Sources/A/B.swift". A line "…" leaves lines out.
    struct Quote {
        var file: String
        var lines: [String] = []
    }

    private let sources: [String: [String]]

    /// Finds all files of the folders that a guide may name.
    init() throws {
        var found: [String: [String]] = [:]
        for folder in ["Sources", "Tests", "scripts", "docs", "studies"] {
            for path in try FileManager.default.subpathsOfDirectory(atPath: "\(Self.root)/\(folder)") {
                let name = String(path.split(separator: "/").last ?? "")
                guard Self.isFile(name) else { continue }
                found[name, default: []].append("\(folder)/\(path)")
            }
        }
        sources = found
    }

    // MARK: The guide

    /// A path, or a name with one of the known endings.
    private static func isFile(_ span: String) -> Bool {
        guard !span.contains(" ") else { return false }
        return span.contains("/") || endings.contains { span.hasSuffix($0) }
    }

    private static func parts(_ text: String) -> [Part] {
        var parts = [Part()]
        var isInside = false
        var quote: Quote?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if line.hasPrefix("```") {
                if let ended = quote { parts[parts.count - 1].quotes.append(ended) }
                isInside.toggle()
                let words = line.dropFirst(3).split(separator: " ")
                quote = isInside && words.count > 1 ? Quote(file: String(words[1])) : nil
            } else if isInside {
                quote?.lines.append(line)
            } else if line.hasPrefix("#") {
                parts.append(Part(heading: String(line.drop { $0 == "#" || $0 == " " })))
            } else {
                let pieces = line.split(separator: "`", omittingEmptySubsequences: false)
                for (number, piece) in pieces.enumerated() where number % 2 == 1 {
                    parts[parts.count - 1].spans.append(String(piece))
                }
            }
        }
        return parts
    }

    // MARK: What it is compared with

    /// Where a file lies that is named by its path, or by its name alone.
    private func path(_ file: String) -> String? {
        if file.contains("/") {
            return FileManager.default.fileExists(atPath: "\(Self.root)/\(file)") ? file : nil
        }
        let places = sources[file] ?? []
        return places.count == 1 ? places[0] : nil
    }

    private func text(_ path: String) throws -> String {
        try String(contentsOfFile: "\(Self.root)/\(path)", encoding: .utf8)
    }

    /// Letters, digits and underscores that stand together.
    private static func words(_ text: String) -> Set<String> {
        let pieces = text.utf8.split { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): false
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): false
            default: true
            }
        }
        return Set(pieces.map { String(decoding: $0, as: UTF8.self) })
    }

    /// The words of the files that a part names; of all sources and tests where it names none.
    private func vocabulary(_ part: Part) throws -> Set<String> {
        var files = part.files.compactMap { path($0) }.filter { path in Self.endings.contains { path.hasSuffix($0) } }
        if files.isEmpty { files = sources.values.flatMap { $0 }.filter { $0.hasSuffix(".swift") } }
        return try files.reduce(into: []) { $0.formUnion(Self.words(try text($1))) }
    }

    /// What a part of a guide says that is not so.
    private func faults(_ part: Part) throws -> [String] {
        var faults: [String] = []
        for file in part.files where path(file) == nil { faults.append("there is no file \(file), or more than one") }
        for quote in part.quotes {
            guard let path = path(quote.file) else { continue }
            var rest = try text(path).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)[...]
            for line in quote.lines where line != "…" && !line.isEmpty {
                guard let index = rest.firstIndex(of: line) else {
                    faults.append("\(path) has no such line, or not there: \(line)")
                    break
                }
                rest = rest[(index + 1)...]
            }
        }
        let names = Self.words(part.spans.filter { !Self.isFile($0) }.joined(separator: "\n"))
        let known = try names.isEmpty ? [] : vocabulary(part)
        for name in names.sorted() where !known.contains(name) && Int(name) == nil {
            faults.append("\(name) does not occur in the files that are named")
        }
        return faults
    }

    // MARK: Tests

    @Test func theGuideSaysWhatIsSo() throws {
        let parts = Self.parts(try text(Self.guide))
        #expect(parts.count > 10 && parts.flatMap(\.quotes).count > 15)
        for part in parts {
            for fault in try faults(part) { Issue.record("\(Self.guide), \"\(part.heading)\": \(fault)") }
        }
    }

    /// A comparison that finds nothing would hold for any guide.
    @Test(arguments: [
        ("New file: `Sources/Selection/Nowhere.swift`.", "no file Sources/Selection/Nowhere.swift"),
        ("Run `make_nothing_fixtures.py`.", "no file make_nothing_fixtures.py"),
        ("In `Sources/Selection/Mask.swift` stands `ResidualState`.", "ResidualState does not occur"),
        ("The type `ThisTypeIsNowhere\("InTheSources")` does it.", "does not occur"),
        ("```swift Sources/Selection/Mask.swift\npublic struct Mask: Nothing {\n```", "no such line"),
        (
            "```swift Sources/Selection/Mask.swift\n        public let bits: BitSet\n        public let shape: WeightShape\n```",
            "or not there"
        ),
    ]) func aWrongGuideIsFound(guide: String, fault: String) throws {
        let found = try Self.parts(guide).flatMap { try faults($0) }
        #expect(found.count == 1 && found[0].contains(fault), "\(found)")
    }
}
