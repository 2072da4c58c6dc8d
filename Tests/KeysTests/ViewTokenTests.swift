import Foundation
import Keys
import TestSupport
import Testing

@Suite struct ViewTokenTests {
    private let scratch: TemporaryFolder
    private var path: String { scratch.file("view.token") }

    init() throws { scratch = TemporaryFolder() }

    @Test func aMadeTokenIsForItsOwnerAloneAndMatchesItself() throws {
        try ViewToken.make(at: path)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let token = try ViewToken(contentsOf: path)
        #expect(token.text.utf8.count == 43)
        #expect(token.matches(token.text))
        for other in ["", String(token.text.dropLast()), token.text + "x", token.text.lowercased() + "A", "é"] {
            #expect(!token.matches(other))
        }
        #expect(throws: KeyError.self) { try ViewToken.make(at: path) }
    }

    @Test(arguments: [
        "", "short", "two words that are long enough", "naïve-naïve-naïve-naïve", String(repeating: "x", count: 2000),
    ])
    func whatIsNoTokenIsSaidInOneLine(text: String) throws {
        _ = try scratch.write(Array("\(text)\n".utf8), "view.token")
        chmod(path, 0o600)
        let error = #expect(throws: KeyError.self) { try ViewToken(contentsOf: path) }
        #expect(error?.description.hasPrefix(path) == true && error?.description.contains("\n") == false)
    }

    @Test func aTokenOthersCanReadIsRefused() throws {
        try ViewToken.make(at: path)
        chmod(path, 0o644)
        let error = #expect(throws: KeyError.self) { try ViewToken(contentsOf: path) }
        #expect(error?.fault.contains("chmod 600") == true)
    }
}
