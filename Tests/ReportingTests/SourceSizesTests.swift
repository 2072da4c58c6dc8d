import Foundation
import Testing

/// How long the parts of a Swift file are, told by its indentation, which `swift format` keeps.
struct SourceSizes {
    struct Part: Equatable {
        var name: String
        var isType: Bool
        /// Counted from 1.
        var line: Int
        /// From its first line to its closing brace.
        var lines: Int
        /// The comment above it says why it is long.
        var hasReason: Bool
    }

    let lines: [Substring]

    init(_ text: String) { lines = text.split(separator: "\n", omittingEmptySubsequences: false) }

    static let types: Set = ["struct", "class", "enum", "actor", "extension", "protocol"]
    static let functions: Set = ["func", "init", "init?", "deinit", "subscript", "var"]
    /// A word of a comment above a part that is long with a reason.
    static let mark = "Long:"

    /// Types and functions (computed properties are such) that have a body of several lines.
    var parts: [Part] {
        var parts: [Part] = []
        for (number, line) in lines.enumerated() {
            guard let (word, name) = Self.declaration(line), let end = end(of: number) else { continue }
            let above = lines[..<number].reversed().prefix { line in
                let code = line.drop { $0 == " " }
                return code.hasPrefix("//") || code.hasPrefix("@")
            }
            parts.append(
                Part(
                    name: name, isType: Self.types.contains(word), line: number + 1, lines: end - number + 1,
                    hasReason: above.contains { $0.contains(Self.mark) }))
        }
        return parts
    }

    private static let modifiers: Set = [
        "public", "package", "internal", "private", "fileprivate", "private(set)", "final", "static", "class",
        "mutating", "nonmutating", "override", "indirect", "required", "convenience", "nonisolated", "isolated", "lazy",
        "unowned", "weak",
    ]

    /// The word that begins a declaration, and its name; `nil` where the line is none.
    private static func declaration(_ line: Substring) -> (word: String, name: String)? {
        guard !line.drop(while: { $0 == " " }).hasPrefix("//") else { return nil }
        var words = line.split(separator: " ").map(String.init)[...]
        // Attributes, as `@Test(arguments: 1...3)`, end with a parenthesis or have none.
        while let first = words.first, first.hasPrefix("@") {
            words.removeFirst()
            guard first.contains("("), !first.hasSuffix(")") else { continue }
            while let next = words.popFirst(), !next.hasSuffix(")") {}
        }
        // The end of such a list on a line of its own.
        while let first = words.first, first.allSatisfy({ ")]".contains($0) }) { words.removeFirst() }
        while let first = words.first, modifiers.contains(first) {
            // `class` is a modifier only where another word of a declaration follows.
            let next = words.dropFirst().first ?? ""
            guard first != "class" || modifiers.contains(next) || functions.contains(next) else { break }
            words.removeFirst()
        }
        guard let first = words.first else { return nil }
        let word = String(first.prefix { $0 != "(" && $0 != "<" })
        guard types.contains(word) || functions.contains(word) else { return nil }
        return (word, word.hasPrefix("init") ? "init" : words.dropFirst().first ?? word)
    }

    /// The line of the brace that closes what begins in this line, as far in as it; `nil` where it ends in its own line.
    private func end(of start: Int) -> Int? {
        let depth = lines[start].prefix { $0 == " " }.count
        let opening = lines[start].last
        if opening == "}", lines[start].contains("{") { return nil }
        for number in lines.indices.dropFirst(start + 1) {
            let line = lines[number]
            let code = line.drop { $0 == " " }
            guard !code.isEmpty, line.count - code.count <= depth else { continue }
            if code.hasPrefix("}") { return line.count - code.count == depth ? number : nil }
            // The end of a list of parameters, or what stands behind it.
            guard code.hasPrefix(")") || code.hasPrefix("{") || code.hasPrefix("#") else { return nil }
        }
        return nil
    }
}

@Suite struct SourceSizesTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../..").standardized.path

    private static let (mostInFile, mostInFunction, mostInType) = (400, 60, 300)

    /// A file may have 400 lines, a function 60, a type 300; or `Long:` and the reason stand in the comment above.
    @Test(arguments: ["Sources", "Tests"]) func whatIsLongerHasItsReason(folder: String) throws {
        var (functions, types) = (0, 0)
        for path in try FileManager.default.subpathsOfDirectory(atPath: "\(Self.root)/\(folder)")
        where path.hasSuffix(".swift") {
            let sizes = SourceSizes(try String(contentsOfFile: "\(Self.root)/\(folder)/\(path)", encoding: .utf8))
            #expect(sizes.lines.count - 1 <= Self.mostInFile, "\(folder)/\(path)")
            for part in sizes.parts {
                if part.isType { types += 1 } else { functions += 1 }
                guard part.lines > (part.isType ? Self.mostInType : Self.mostInFunction), !part.hasReason else {
                    continue
                }
                Issue.record("\(folder)/\(path):\(part.line): \(part.name) has \(part.lines) lines")
            }
        }
        #expect(functions > 500 && types > 100, "\(functions) functions, \(types) types")
    }

    @Test func partsAreFoundByTheirIndentation() {
        let sizes = SourceSizes(
            """
            /// Long: a table.
            @Suite package final class A {
                static let b = 1
                var c: Int { 1 }
                @Test(arguments: [1, 2]) func d(
                    _ e: Int
                ) -> Int {
                    if e > 1 {
                        return 2
                    }
                    return 1
                }

                private(set) var f = [
                    1
                ]
                class func g() {
                    h()
                }
            }
            """)
        #expect(
            sizes.parts == [
                .init(name: "A", isType: true, line: 2, lines: 19, hasReason: true),
                .init(name: "d(", isType: false, line: 5, lines: 8, hasReason: false),
                .init(name: "g()", isType: false, line: 17, lines: 3, hasReason: false),
            ])
    }
}
