import CZMQ

/// A CURVE key pair as Z85 text (ZeroMQ RFC 32): 40 characters each.
public struct CurveKeyPair: Sendable, Equatable {
    public var publicKey: String
    public var secretKey: String

    /// A new pair. Made before the process's `Context`: libzmq's random source must not be opened while one closes.
    /// - Throws: `ZeroMQError` where libzmq was built without CURVE.
    public static func generate() throws(ZeroMQError) -> CurveKeyPair {
        var publicKey = [CChar](repeating: 0, count: 41)
        var secretKey = publicKey
        guard zmq_curve_keypair(&publicKey, &secretKey) == 0 else { throw ZeroMQError("zmq_curve_keypair") }
        return CurveKeyPair(publicKey: Z85.text(publicKey), secretKey: Z85.text(secretKey))
    }

    private init(publicKey: String, secretKey: String) {
        self.publicKey = publicKey
        self.secretKey = secretKey
    }

    /// The pair of a secret key; `nil` where it is no key.
    public init?(secretKey: String) {
        guard Z85.isKey(secretKey) else { return nil }
        var publicKey = [CChar](repeating: 0, count: 41)
        guard zmq_curve_public(&publicKey, secretKey) == 0 else { return nil }
        self.init(publicKey: Z85.text(publicKey), secretKey: secretKey)
    }
}

/// Keys as text.
public enum Z85 {
    private static let alphabet = Set(
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#".utf8)

    /// Whether the text is 32 bytes in Z85.
    public static func isKey(_ text: String) -> Bool {
        guard text.utf8.count == 40, text.utf8.allSatisfy(alphabet.contains) else { return false }
        var bytes = [UInt8](repeating: 0, count: 32)
        return zmq_z85_decode(&bytes, text) != nil
    }

    /// 32 bytes as text; `nil` for any other number.
    static func encode(_ key: [UInt8]) -> String? {
        guard key.count == 32 else { return nil }
        var characters = [CChar](repeating: 0, count: 41)
        return zmq_z85_encode(&characters, key, 32) == nil ? nil : text(characters)
    }

    static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix(40).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
