import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.regex.Pattern;

/** What the gsub processor of Elasticsearch does: Pattern.matcher(text).replaceAll(replacement). Lines are base64. */
public final class Mask {
    public static void main(String[] arguments) throws Exception {
        Pattern pattern = Pattern.compile(text(arguments[0]));
        String replacement = text(arguments[1]);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        StringBuilder answer = new StringBuilder();
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            byte[] masked = pattern.matcher(text(line)).replaceAll(replacement).getBytes(StandardCharsets.UTF_8);
            answer.append(Base64.getEncoder().encodeToString(masked)).append('\n');
        }
        System.out.print(answer);
    }

    private static String text(String line) {
        return new String(Base64.getDecoder().decode(line), StandardCharsets.UTF_8);
    }
}
