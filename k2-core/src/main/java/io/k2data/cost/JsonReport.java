package io.k2data.cost;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.StreamWriteFeature;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.math.MathContext;

/** An analysis as one line of JSON. */
final class JsonReport {
    private static final MathContext SHORT = new MathContext(3);

    private JsonReport() {}

    static String render(CostAnalysis analysis) {
        StringWriter text = new StringWriter();
        JsonFactory factory = JsonFactory.builder()
                .enable(StreamWriteFeature.WRITE_BIGDECIMAL_AS_PLAIN)
                .build();
        try (JsonGenerator json = factory.createGenerator(text)) {
            write(json, analysis);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return text.append('\n').toString();
    }

    private static void write(JsonGenerator json, CostAnalysis analysis) throws IOException {
        CostEstimate estimate = analysis.estimate();
        json.writeStartObject();
        json.writeNumberField("monthlyTotal", estimate.monthlyTotal());
        json.writeNumberField("messagesPerMonth", estimate.messagesPerMonth());
        json.writeNumberField("costPerMillionMessages", estimate.costPerMillionMessages());
        json.writeStringField("currency", estimate.prices().currency().getCurrencyCode());
        json.writeArrayFieldStart("items");
        for (LineItem item : estimate.items()) {
            json.writeStartObject();
            json.writeStringField("name", item.name());
            json.writeNumberField("quantity", item.quantity());
            json.writeStringField("unit", item.unit());
            json.writeNumberField("unitPrice", item.unitPrice());
            json.writeNumberField("cost", item.cost());
            json.writeStringField("component", item.component().title());
            json.writeStringField("price", item.price().key());
            json.writeStringField("formula", item.formula());
            json.writeEndObject();
        }
        json.writeEndArray();
        json.writeStringField("title", analysis.title());
        json.writeStringField("prices", estimate.prices().name());
        json.writeStringField("region", estimate.prices().region());
        json.writeStringField("asOf", estimate.asOf().toString());
        json.writeNumberField("storedTb", estimate.storedTb());
        json.writeNumberField("costPerStoredTb", estimate.costPerStoredTb());
        json.writeArrayFieldStart("projection");
        for (CostAnalysis.Month month : analysis.projection()) {
            json.writeStartObject();
            json.writeNumberField("month", month.number());
            json.writeNumberField("recordsPerSecond", number(month.recordsPerSecond()));
            json.writeNumberField("total", month.total());
            json.writeNumberField("storedTb", month.storedTb());
            json.writeEndObject();
        }
        json.writeEndArray();
        json.writeArrayFieldStart("rates");
        for (CostAnalysis.Rate rate : analysis.rates()) {
            json.writeStartObject();
            json.writeNumberField("recordsPerSecond", number(rate.recordsPerSecond()));
            json.writeNumberField("total", rate.total());
            json.writeNumberField("costPerMillionMessages", rate.costPerMillionMessages());
            json.writeEndObject();
        }
        json.writeEndArray();
        json.writeArrayFieldStart("sensitivities");
        for (CostAnalysis.Sensitivity each : analysis.sensitivities()) {
            json.writeStartObject();
            json.writeStringField("input", each.input().key());
            json.writeNumberField("from", number(each.from()));
            json.writeNumberField("to", number(each.to()));
            json.writeNumberField("changePercent", number(each.changePercent()));
            json.writeEndObject();
        }
        json.writeEndArray();
        json.writeArrayFieldStart("options");
        for (CostAnalysis.Option option : analysis.options()) {
            json.writeStartObject();
            json.writeStringField("option", option.option().key());
            json.writeNumberField("before", option.before());
            json.writeNumberField("after", option.after());
            json.writeNumberField("saving", option.saving());
            json.writeStringField("over", option.option().over().key());
            if (option.breakEven().isPresent()) {
                json.writeNumberField(
                        "breakEven", new BigDecimal(option.breakEven().getAsDouble()).round(SHORT));
            }
            json.writeEndObject();
        }
        json.writeEndArray();
        json.writeObjectFieldStart("inputs");
        for (CostInput input : CostInput.values()) {
            json.writeNumberField(input.key(), number(estimate.inputs().value(input)));
        }
        json.writeEndObject();
        json.writeArrayFieldStart("warnings");
        for (String warning : estimate.warnings()) {
            json.writeString(warning);
        }
        json.writeEndArray();
        json.writeEndObject();
    }

    private static BigDecimal number(double value) {
        return new BigDecimal(CostInputs.plain(value));
    }
}
