package import FleetIO
import Foundation
import HTTP
package import Keys
import Protocol
package import Scheduling
package import Tensors

/// A run's status from its status page.
package struct RemoteStatus: Sendable {
    private let host: String
    private let port: UInt16
    private let path: String
    private let url: String
    private let token: ViewToken?

    /// - Parameter url: `http://host:port`, also with a path in front of the page where a proxy serves it.
    /// - Throws: `InputError` for what is no such address.
    package init(url text: String, token: ViewToken?) throws(InputError) {
        let whole = text.contains("://") ? text : "http://\(text)"
        guard let parts = URLComponents(string: whole), let host = parts.host, !host.isEmpty,
            (0...65_535).contains(parts.port ?? 80), parts.query == nil
        else { throw InputError("--url \(text)", "not an address; write http://HOST:PORT") }
        guard parts.scheme == "http" else {
            throw InputError("--url \(text)", "only http:// is spoken; for https:// ask with curl URL/status.json")
        }
        self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        port = UInt16(parts.port ?? 80)
        let folder = parts.percentEncodedPath.split(separator: "/").filter { $0 != "status.json" }
        path = "/" + (folder.map(String.init) + ["status.json"]).joined(separator: "/")
        url = whole
        self.token = token
    }

    /// - Throws: `FleetError`: nothing answers, the token is wrong, or something else is there.
    package func read() throws(FleetError) -> RunStatus {
        let answer: HTTPClient.Answer
        do throws(HTTPError) {
            let headers = token.map { [(name: "Authorization", value: "Bearer \($0.text)")] } ?? []
            answer = try HTTPClient.get(host: host, port: port, path: path, headers: headers)
        } catch {
            switch error {
            case .garbled(let words): throw FleetError("\(url): this is no status page of faultline: \(words)")
            default:
                throw FleetError(
                    "\(url): nothing answers (\(error)): is the run over, or is its --status-port another?")
            }
        }
        switch answer.status {
        case 200: break
        case 401:
            let words = token == nil ? "asks for a view token: give --token-file FILE" : "refuses this view token"
            throw FleetError(
                "\(url): it \(words) (view.token beside the coordinator's keys, or its --view-token)", isUsage: true)
        default:
            let words = String(decoding: answer.body.prefix(200), as: UTF8.self)
            throw FleetError("\(url): it answers \(answer.status): \(words)")
        }
        guard let status = try? JSONDecoder().decode(RunStatus.self, from: Data(answer.body)) else {
            throw FleetError("\(url): this is no status page of faultline \(Release.version)")
        }
        return status
    }
}
