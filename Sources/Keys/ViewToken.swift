import Foundation
import Tensors

/// What a viewer of the status page has to show beyond this machine: `view.token`, beside the fleet's keys.
public struct ViewToken: Sendable {
    public static let fileName = "view.token"
    /// Shorter ones could be guessed.
    static let shortest = 16
    private static let longest = 1024

    /// One line of visible ASCII.
    public let text: String
    private let digest: [UInt8]

    /// - Throws: `KeyError` where the file is missing, readable by others, or holds no token.
    public init(contentsOf path: String) throws(KeyError) {
        let data = try SecretFile.read(path, isSecret: true)
        let text = String(decoding: data, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard text.count == 1, let word = text.first, (Self.shortest...Self.longest).contains(word.utf8.count),
            word.utf8.allSatisfy({ (33...126).contains($0) })
        else {
            throw KeyError(
                path,
                "holds no view token: one line of \(Self.shortest) letters or more; faultline keygen makes one")
        }
        self.text = String(word)
        digest = Array(Digest.sha256(Array(word.utf8)).utf8)
    }

    /// Compares digests, every byte of them: the time taken says nothing about the token.
    public func matches(_ candidate: String) -> Bool {
        let other = Digest.sha256(Array(candidate.utf8)).utf8
        return zip(digest, other).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    /// Makes a token of 256 random bits, for its owner alone. Never replaces a file.
    /// - Throws: `KeyError`.
    public static func make(at path: String) throws(KeyError) {
        var random = SystemRandomNumberGenerator()
        let bytes = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
        let text = Data(bytes).base64EncodedString()
            .replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
            .replacingOccurrences(of: "=", with: "")
        try SecretFile.create(path, Data("\(text)\n".utf8))
    }
}
