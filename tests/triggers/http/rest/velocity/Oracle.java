// Renders templates with Velocity 1.7, JsonPath and json-smart: what API Gateway's behaviour was
// compared with. One JSON request a line in, one JSON result a line out. See record.py.

import com.jayway.jsonpath.Configuration;
import com.jayway.jsonpath.JsonPath;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.StringWriter;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;
import net.minidev.json.JSONObject;
import net.minidev.json.JSONStyle;
import net.minidev.json.JSONValue;
import org.apache.commons.lang.StringEscapeUtils;
import org.apache.velocity.VelocityContext;
import org.apache.velocity.app.VelocityEngine;
import org.apache.velocity.app.event.EventCartridge;
import org.apache.velocity.app.event.InvalidReferenceEventHandler;
import org.apache.velocity.context.Context;
import org.apache.velocity.util.introspection.Info;

public class Oracle {
    // API Gateway answers references that lead nowhere with an empty string.
    public static class Empty implements InvalidReferenceEventHandler {
        public Object invalidGetMethod(Context c, String r, Object o, String p, Info i) { return ""; }
        public boolean invalidSetMethod(Context c, String l, String r, Info i) { return false; }
        public Object invalidMethod(Context c, String r, Object o, String m, Info i) { return ""; }
    }

    public static class Input {
        private final String body;
        Input(String body) { this.body = body; }
        public String getBody() { return body; }
        public Object path(String p) { return JsonPath.read(body, p); }
        public String json(String p) { return toJson(path(p)); }
    }

    public static class Util {
        public String escapeJavaScript(String s) { return StringEscapeUtils.escapeJavaScript(s); }
        public Object parseJson(String s) { return parse(s); }
        public String urlEncode(String s) throws Exception { return URLEncoder.encode(s, "UTF-8"); }
        public String urlDecode(String s) throws Exception { return URLDecoder.decode(s, "UTF-8"); }
        public String base64Encode(String s) {
            return Base64.getEncoder().encodeToString(s.getBytes(StandardCharsets.UTF_8));
        }
        public String base64Decode(String s) {
            return new String(Base64.getDecoder().decode(s), StandardCharsets.UTF_8);
        }
    }

    static Object parse(String text) {
        return Configuration.defaultConfiguration().jsonProvider().parse(text);
    }

    static String toJson(Object value) {
        return Configuration.defaultConfiguration().jsonProvider().toJson(value);
    }

    @SuppressWarnings("unchecked")
    public static void main(String[] arguments) throws Exception {
        VelocityEngine engine = new VelocityEngine();
        engine.setProperty(
            "runtime.log.logsystem.class", "org.apache.velocity.runtime.log.NullLogChute");
        engine.setProperty("velocimacro.library", "");
        // "#macro not supported": a definition vanishes, a call is text.
        engine.setProperty("velocimacro.permissions.allow.inline", "false");
        engine.init();
        BufferedReader in =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, "UTF-8");
        for (String line; (line = in.readLine()) != null; ) {
            JSONObject request = (JSONObject) JSONValue.parse(line);
            JSONObject result = new JSONObject();
            String body = (String) request.get("body");
            try {
                if (request.containsKey("path")) {
                    result.put("out", toJson(JsonPath.read(body, (String) request.get("path"))));
                } else {
                    VelocityContext context = new VelocityContext();
                    EventCartridge cartridge = new EventCartridge();
                    cartridge.addEventHandler(new Empty());
                    cartridge.attachToContext(context);
                    for (Map.Entry<String, Object> each
                            : ((Map<String, Object>) parse(body)).entrySet()) {
                        context.put(each.getKey(), each.getValue());
                    }
                    context.put("input", new Input(body));
                    context.put("util", new Util());
                    StringWriter writer = new StringWriter();
                    engine.evaluate(context, writer, "template", (String) request.get("template"));
                    result.put("out", writer.toString());
                }
            } catch (Throwable error) {
                result.put("error", error.getClass().getSimpleName());
            }
            out.println(result.toJSONString(JSONStyle.NO_COMPRESS));
        }
    }
}
